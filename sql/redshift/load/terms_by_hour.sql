create temporary table stage_terms_by_hour (
    hour timestamp,
    term varchar(1024),
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    deleted boolean
);

copy stage_terms_by_hour
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.terms_by_hour
using stage_terms_by_hour
where
    dw.terms_by_hour.hour = stage_terms_by_hour.hour
    and dw.terms_by_hour.term = stage_terms_by_hour.term;

insert into dw.terms_by_hour (
    hour, term, events, negative, neutral, positive, polarity_sum, polarity_mean, confidence_sum
)
select
    hour, term, events, negative, neutral, positive, polarity_sum, polarity_mean, confidence_sum
from stage_terms_by_hour
where not deleted;
