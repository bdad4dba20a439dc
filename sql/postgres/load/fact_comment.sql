create temporary table if not exists stage_fact_comment (
    event_id text,
    event_time timestamptz,
    comment_id text,
    post_id text,
    user_id text,
    text text,
    sentiment text,
    polarity double precision,
    confidence double precision,
    model_version text,
    language text,
    unscored_reason text,
    arrival_time timestamptz
) on commit delete rows;

copy stage_fact_comment (
    event_id, event_time, comment_id, post_id, user_id, text, sentiment, polarity, confidence,
    model_version, language,
    unscored_reason, arrival_time
) from stdin (format csv);

insert into dw.fact_comment (
    event_id, event_time, date_key, time_key, comment_id, post_id, user_id, text, sentiment,
    polarity, confidence, model_version, language, unscored_reason, arrival_time,
    query, batch_id
)
select
    event_id,
    event_time,
    cast(to_char(event_time at time zone 'UTC', 'YYYYMMDD') as integer) as date_key,
    extract(hour from event_time at time zone 'UTC') * 60
    + extract(minute from event_time at time zone 'UTC') as time_key,
    comment_id,
    post_id,
    user_id,
    text,
    sentiment,
    polarity,
    confidence,
    model_version,
    language,
    unscored_reason,
    arrival_time,
    %(query)s as query,
    %(batch_id)s as batch_id
from stage_fact_comment
on conflict (event_id) do nothing;
