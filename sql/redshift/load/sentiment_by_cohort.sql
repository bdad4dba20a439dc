create temporary table stage_sentiment_by_cohort (
    hour timestamp,
    location varchar(1024),
    age_band varchar(16),
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    deleted boolean
);

copy stage_sentiment_by_cohort
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.sentiment_by_cohort
using stage_sentiment_by_cohort
where
    dw.sentiment_by_cohort.hour = stage_sentiment_by_cohort.hour
    and dw.sentiment_by_cohort.location = stage_sentiment_by_cohort.location
    and dw.sentiment_by_cohort.age_band = stage_sentiment_by_cohort.age_band;

insert into dw.sentiment_by_cohort (
    hour, location, age_band, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
)
select
    hour, location, age_band, events, negative, neutral, positive, polarity_sum, polarity_mean,
    confidence_sum
from stage_sentiment_by_cohort
where not deleted;
