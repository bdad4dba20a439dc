create temporary table stage_sentiment_by_model (
    hour timestamp,
    model_version varchar(64),
    entity varchar(16),
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    deleted boolean
);

copy stage_sentiment_by_model
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.sentiment_by_model
using stage_sentiment_by_model
where
    dw.sentiment_by_model.hour = stage_sentiment_by_model.hour
    and dw.sentiment_by_model.model_version = stage_sentiment_by_model.model_version
    and dw.sentiment_by_model.entity = stage_sentiment_by_model.entity;

insert into dw.sentiment_by_model (
    hour, model_version, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
)
select
    hour, model_version, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
from stage_sentiment_by_model
where not deleted;
