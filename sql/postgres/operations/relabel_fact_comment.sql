-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table if not exists relabelled_comment (
    event_id text,
    sentiment text,
    polarity double precision,
    confidence double precision,
    language text,
    unscored_reason text,
    model_version text
) on commit delete rows;

copy relabelled_comment (
    event_id, sentiment, polarity, confidence, language, unscored_reason, model_version
) from stdin (format csv);

update dw.fact_comment
set
    sentiment = relabelled_comment.sentiment,
    polarity = relabelled_comment.polarity,
    confidence = relabelled_comment.confidence,
    language = relabelled_comment.language,
    unscored_reason = relabelled_comment.unscored_reason,
    model_version = relabelled_comment.model_version
from relabelled_comment
where dw.fact_comment.event_id = relabelled_comment.event_id;
