-- Replaces the sentiments of facts in the table with those of another model version.
create temporary table if not exists relabelled_${entity} (
    event_id text,
    sentiment text,
    polarity double precision,
    confidence double precision,
    language text,
    unscored_reason text,
    model_version text
) on commit delete rows;

copy relabelled_${entity} (
    event_id, sentiment, polarity, confidence, language, unscored_reason, model_version
) from stdin (format csv);

update dw.fact_${entity}
set
    sentiment = relabelled_${entity}.sentiment,
    polarity = relabelled_${entity}.polarity,
    confidence = relabelled_${entity}.confidence,
    language = relabelled_${entity}.language,
    unscored_reason = relabelled_${entity}.unscored_reason,
    model_version = relabelled_${entity}.model_version
from relabelled_${entity}
where dw.fact_${entity}.event_id = relabelled_${entity}.event_id;
