-- How others comment on what an author posts. Grain: one post that has comments.
create or replace view author_reaction as
select
    silver_posts.user_id as author_id,
    silver_posts.post_id,
    count(*) as comments,
    sum(case when silver_comments.sentiment = 'negative' then 1 else 0 end) as negative,
    sum(case when silver_comments.sentiment = 'positive' then 1 else 0 end) as positive,
    sum(silver_comments.polarity) as polarity_sum
from silver_comments
inner join silver_posts on silver_comments.post_id = silver_posts.post_id
where silver_comments.sentiment is not null
group by silver_posts.user_id, silver_posts.post_id;
