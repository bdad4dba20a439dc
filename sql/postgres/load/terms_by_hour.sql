create temporary table if not exists stage_terms_by_hour (
    hour timestamptz,
    term text,
    events bigint,
    negative bigint,
    neutral bigint,
    positive bigint,
    polarity_sum double precision,
    polarity_mean double precision,
    confidence_sum double precision,
    deleted boolean
) on commit delete rows;

copy stage_terms_by_hour (
    hour, term, events, negative, neutral, positive, polarity_sum, polarity_mean, confidence_sum,
    deleted
) from stdin (format csv);

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
