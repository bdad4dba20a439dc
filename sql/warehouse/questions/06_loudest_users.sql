-- Who wrote most in the last 24 hours of the stream, and the share of each sentiment.
with clock as (
    select max(minute) as latest from dw.quality_by_minute
)

select
    reaction.user_id,
    max(dim_user_current.user_name) as user_name,
    count(*) as events,
    cast(sum(case when reaction.sentiment = 'negative' then 1 else 0 end) as double precision) / nullif(count(reaction.sentiment), 0) as negative_share,
    cast(sum(case when reaction.sentiment = 'neutral' then 1 else 0 end) as double precision) / nullif(count(reaction.sentiment), 0) as neutral_share,
    cast(sum(case when reaction.sentiment = 'positive' then 1 else 0 end) as double precision) / nullif(count(reaction.sentiment), 0) as positive_share
from dw.reaction
left join dw.dim_user_current on reaction.user_id = dim_user_current.user_id
where
    reaction.event_time > (select latest - interval '24 hours' from clock)
    and reaction.event_time < (select latest + interval '1 minute' from clock)
group by 1
order by 3 desc, 1
limit 20;
