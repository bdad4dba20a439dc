-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table relabelled_${entity} (
    event_id varchar(512),
    sentiment varchar(16),
    polarity double precision,
    confidence double precision,
    language varchar(8),
    unscored_reason varchar(64),
    model_version varchar(64)
);

copy relabelled_${entity}
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
update dw.fact_${entity}
set
    sentiment = relabelled_${entity}.sentiment,
    polarity = relabelled_${entity}.polarity,
    confidence = relabelled_${entity}.confidence,
    language = relabelled_${entity}.language,
    unscored_reason = relabelled_${entity}.unscored_reason,
    model_version = relabelled_${entity}.model_version
from relabelled_${entity}
where
    dw.fact_${entity}.event_id = relabelled_${entity}.event_id
    and octet_length(dw.fact_${entity}.event_id) = octet_length(relabelled_${entity}.event_id);
