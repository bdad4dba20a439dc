create temporary table if not exists stage_fact_interaction (
    event_id text,
    event_time timestamptz,
    interaction_id text,
    user1_id text,
    user2_id text,
    action text,
    post_id text,
    arrival_time timestamptz
) on commit delete rows;

copy stage_fact_interaction (
    event_id, event_time, interaction_id, user1_id, user2_id, action, post_id, arrival_time
) from stdin (format csv);

insert into dw.fact_interaction (
    event_id, event_time, date_key, time_key, interaction_id, user1_id, user2_id, action, post_id,
    arrival_time, query, batch_id
)
select
    event_id,
    event_time,
    cast(to_char(event_time at time zone 'UTC', 'YYYYMMDD') as integer) as date_key,
    extract(hour from event_time at time zone 'UTC') * 60
    + extract(minute from event_time at time zone 'UTC') as time_key,
    interaction_id,
    user1_id,
    user2_id,
    action,
    post_id,
    arrival_time,
    %(query)s as query,
    %(batch_id)s as batch_id
from stage_fact_interaction
on conflict (event_id) do nothing;
