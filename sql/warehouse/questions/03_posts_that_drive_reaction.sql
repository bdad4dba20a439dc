-- Which posts drive the reaction to an author: the three with the greatest share of all that was felt, of the 20 authors
-- with the most comments.
with ranked as (
    select
        author_id, post_id, comments,
        polarity_sum / comments as polarity,
        abs(polarity_sum) / nullif(sum(abs(polarity_sum)) over (partition by author_id), 0) as share,
        sum(comments) over (partition by author_id) as comments_on_author,
        row_number() over (
            partition by author_id order by abs(polarity_sum) desc, post_id
        ) as place
    from dw.author_reaction
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
