-- The columns of the files that are copied, in their order: COPY goes by place.
create temporary table stage_fact_comment (
    ${types}
);

copy stage_fact_comment
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift enforces no key: events that are there already, within the span of time that the load covers, are left
-- out. The span lets all other blocks be skipped. Redshift takes texts for equal that differ by trailing blanks only;
-- ids may, so their lengths are compared too.
insert into dw.fact_comment (
    event_id, event_time, date_key, time_key, comment_id, post_id, user_id, text, sentiment,
    polarity, confidence, model_version, language, unscored_reason, arrival_time,
    query, batch_id
)
select
    staged.event_id,
    staged.event_time,
    cast(to_char(staged.event_time, 'YYYYMMDD') as integer) as date_key,
    cast(
        extract(hour from staged.event_time) * 60 + extract(minute from staged.event_time) as smallint
    ) as time_key,
    staged.comment_id,
    staged.post_id,
    staged.user_id,
    staged.text,
    staged.sentiment,
    staged.polarity,
    staged.confidence,
    staged.model_version,
    staged.language,
    staged.unscored_reason,
    staged.arrival_time,
    '${query}' as query,
    cast('${batch_id}' as bigint) as batch_id
from (
    select
        *,
        row_number() over (
            partition by event_id, octet_length(event_id)
            order by arrival_time
        ) as copy_number
    from stage_fact_comment
) as staged
left join (
    select event_id
    from dw.fact_comment
    where event_time between
        (select min(event_time) from stage_fact_comment) and (select max(event_time) from stage_fact_comment)
) as known
    on staged.event_id = known.event_id and octet_length(staged.event_id) = octet_length(known.event_id)
where known.event_id is null and staged.copy_number = 1;
