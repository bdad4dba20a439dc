-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table relabelled_comment (
    event_id varchar(512),
    sentiment varchar(16),
    polarity double precision,
    confidence double precision,
    language varchar(8),
    unscored_reason varchar(64),
    model_version varchar(64)
);

copy relabelled_comment
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
update dw.fact_comment
set
    sentiment = relabelled_comment.sentiment,
    polarity = relabelled_comment.polarity,
    confidence = relabelled_comment.confidence,
    language = relabelled_comment.language,
    unscored_reason = relabelled_comment.unscored_reason,
    model_version = relabelled_comment.model_version
from relabelled_comment
where
    dw.fact_comment.event_id = relabelled_comment.event_id
    and octet_length(dw.fact_comment.event_id) = octet_length(relabelled_comment.event_id);
