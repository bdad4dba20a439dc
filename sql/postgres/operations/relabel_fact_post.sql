-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table if not exists relabelled_post (
    event_id text,
    sentiment text,
    polarity double precision,
    confidence double precision,
    language text,
    unscored_reason text,
    model_version text
) on commit delete rows;

copy relabelled_post (
    event_id, sentiment, polarity, confidence, language, unscored_reason, model_version
) from stdin (format csv);

update dw.fact_post
set
    sentiment = relabelled_post.sentiment,
    polarity = relabelled_post.polarity,
    confidence = relabelled_post.confidence,
    language = relabelled_post.language,
    unscored_reason = relabelled_post.unscored_reason,
    model_version = relabelled_post.model_version
from relabelled_post
where dw.fact_post.event_id = relabelled_post.event_id;
