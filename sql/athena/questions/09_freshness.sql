-- How fresh each layer is, of what happened today and yesterday: older partitions are not looked into.
with today as (
    select
        date(max(last_arrival)) as day,
        max(last_arrival) as last_arrival,
        max(committed_at) as committed_at
    from gold_freshness
),

silver as (
    select arrival_time, year, month, day from silver_posts
    union all
    select arrival_time, year, month, day from silver_comments
    union all
    select arrival_time, year, month, day from silver_interactions
    union all
    select arrival_time, year, month, day from silver_user_changes
)

select
    'gold' as layer, last_arrival, committed_at,
    date_diff('millisecond', last_arrival, committed_at) / 1e3 as lag_s
from today
union all
select
    'silver' as layer, max(silver.arrival_time) as last_arrival,
    cast(null as timestamp) as committed_at, cast(null as double) as lag_s
from silver
cross join today
where
    (silver.year = year(today.day) and silver.month = month(today.day) and silver.day = day(today.day))
    or (
        silver.year = year(today.day - interval '1' day)
        and silver.month = month(today.day - interval '1' day)
        and silver.day = day(today.day - interval '1' day)
    )
order by layer;
