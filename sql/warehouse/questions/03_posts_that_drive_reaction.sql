-- Which posts drive the reaction to an author: of the comments of the last 24 hours of the stream, the three posts with the
-- greatest share of the sum of absolute polarity, for the 20 authors with the most comments.
with clock as (
    select max(minute) as latest from dw.quality_by_minute
),

author_reaction as (
    select
        fact_post.user_id as author_id,
        fact_post.post_id,
        count(*) as comments,
        sum(fact_comment.polarity) as polarity_sum
    from dw.fact_comment
    inner join dw.fact_post on fact_comment.post_id = fact_post.post_id
    where
        fact_comment.event_time > (select latest - interval '24 hours' from clock)
        and fact_comment.event_time < (select latest + interval '1 minute' from clock)
        and fact_comment.sentiment is not null
    group by 1, 2
),

ranked as (
    select
        author_id, post_id, comments,
        polarity_sum / comments as polarity,
        abs(polarity_sum) / nullif(sum(abs(polarity_sum)) over (partition by author_id), 0) as share,
        sum(comments) over (partition by author_id) as comments_on_author,
        row_number() over (
            partition by author_id order by abs(polarity_sum) desc, post_id
        ) as place
    from author_reaction
),

authors as (
    select author_id from ranked
    where place = 1
    order by comments_on_author desc, author_id
    limit 20
)

select ranked.author_id, ranked.place, ranked.post_id, ranked.comments, ranked.polarity, ranked.share
from ranked
inner join authors on ranked.author_id = authors.author_id
where ranked.place <= 3
order by ranked.comments_on_author desc, ranked.author_id, ranked.place;
