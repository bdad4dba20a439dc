create temporary table stage_sentiment_by_minute (
    minute timestamp,
    entity varchar(16),
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    late bigint,
    deleted boolean
);

copy stage_sentiment_by_minute
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

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
