create temporary table stage_sentiment_by_topic (
    minute timestamp,
    topic varchar(1024),
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

copy stage_sentiment_by_topic
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.sentiment_by_topic
using stage_sentiment_by_topic
where
    dw.sentiment_by_topic.minute = stage_sentiment_by_topic.minute
    and dw.sentiment_by_topic.topic = stage_sentiment_by_topic.topic
    and dw.sentiment_by_topic.entity = stage_sentiment_by_topic.entity;

insert into dw.sentiment_by_topic (
    minute, topic, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
)
select
    minute, topic, entity, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
from stage_sentiment_by_topic
where not deleted;
