-- What turned sentiment in the last hour: how much of the change in mean polarity each term, topic and cohort makes up.
-- The current hour is that of the newest arrival, because event times may be in the future.
with spans as (
    select
        date_trunc('hour', max(minute)) as this_hour,
        date_trunc('hour', max(minute)) - interval '1 hour' as hour_before
    from dw.quality_by_minute
),

totals as (
    select date_trunc('hour', minute) as hour, sum(events) as events
    from dw.sentiment_by_minute
    group by 1
),

measures as (
    select 'term' as kind, term as name, hour, events, polarity_sum from dw.terms_by_hour
    union all
    select 'topic' as kind, topic as name, date_trunc('hour', minute) as hour, events, polarity_sum
    from dw.sentiment_by_topic
    union all
    select 'cohort' as kind, location || ', ' || age_band as name, hour, events, polarity_sum
    from dw.sentiment_by_cohort
),

shifts as (
    select
        measures.kind,
        measures.name,
        sum(case when measures.hour = spans.this_hour then measures.events else 0 end) as events,
        sum(case when measures.hour = spans.hour_before then measures.events else 0 end) as events_before,
        sum(
            case when measures.hour = spans.this_hour then 1 else -1 end
            * measures.polarity_sum / totals.events
        ) as shift
    from measures
    inner join totals on measures.hour = totals.hour
    inner join spans on measures.hour in (spans.this_hour, spans.hour_before)
    group by 1, 2
),

ranked as (
    select
        kind, name, events, events_before, shift,
        row_number() over (partition by kind order by abs(shift) desc, name) as place
    from shifts
)

select kind, place, name, events, events_before, shift
from ranked
where place <= 5
order by kind, place;
