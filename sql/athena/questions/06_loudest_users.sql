-- Who wrote most in the last 24 hours of the stream, and the share of each sentiment.
with clock as (
    select max(minute) as latest from gold_quality_by_minute
),

reaction as (
    select user_id, event_time, sentiment from silver_posts
    union all
    select user_id, event_time, sentiment from silver_comments
)

select
    reaction.user_id,
    max(silver_users.user_name) as user_name,
    count(*) as events,
    cast(sum(case when reaction.sentiment = 'negative' then 1 else 0 end) as double) / nullif(count(reaction.sentiment), 0) as negative_share,
    cast(sum(case when reaction.sentiment = 'neutral' then 1 else 0 end) as double) / nullif(count(reaction.sentiment), 0) as neutral_share,
    cast(sum(case when reaction.sentiment = 'positive' then 1 else 0 end) as double) / nullif(count(reaction.sentiment), 0) as positive_share
from reaction
left join silver_users on reaction.user_id = silver_users.user_id
where
    reaction.event_time > (select latest - interval '24' hour from clock)
    and reaction.event_time < (select latest + interval '1' minute from clock)
group by 1
order by 3 desc, 1
limit 20;
