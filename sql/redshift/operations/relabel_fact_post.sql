-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table relabelled_post (
    event_id varchar(512),
    sentiment varchar(16),
    polarity double precision,
    confidence double precision,
    language varchar(8),
    unscored_reason varchar(64),
    model_version varchar(64)
);

copy relabelled_post
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
update dw.fact_post
set
    sentiment = relabelled_post.sentiment,
    polarity = relabelled_post.polarity,
    confidence = relabelled_post.confidence,
    language = relabelled_post.language,
    unscored_reason = relabelled_post.unscored_reason,
    model_version = relabelled_post.model_version
from relabelled_post
where
    dw.fact_post.event_id = relabelled_post.event_id
    and octet_length(dw.fact_post.event_id) = octet_length(relabelled_post.event_id);
