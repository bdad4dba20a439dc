-- Rejected and late events by hour of arrival, and their share of all that arrived in the hour.
with counted as (
    select
        date_trunc('hour', minute) as hour, entity, reason,
        sum(events) as events,
        sum(late) as late,
        sum(sum(events)) over (partition by date_trunc('hour', minute)) as arrived
    from dw.quality_by_minute
    group by 1, 2, 3
)

select
    hour, entity, reason, events, late,
    cast(events as double precision) / arrived as share_of_hour
from counted
where entity = 'rejected' or late > 0
order by hour, entity, reason;
