create temporary table if not exists stage_sentiment_by_minute (
    minute timestamptz,
    entity text,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    late bigint,
    deleted boolean
) on commit delete rows;

copy stage_sentiment_by_minute (
    minute, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum, late, deleted
) from stdin (format csv);

delete from dw.sentiment_by_minute
using stage_sentiment_by_minute
where
    dw.sentiment_by_minute.minute = stage_sentiment_by_minute.minute
    and dw.sentiment_by_minute.entity = stage_sentiment_by_minute.entity;

insert into dw.sentiment_by_minute (
    minute, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum, late
)
select
    minute, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum, late
from stage_sentiment_by_minute
where not deleted;
