-- The columns of the copied files, in their order, because COPY assigns columns by position.
create temporary table stage_fact_post (
    ${types}
);

copy stage_fact_post
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift enforces no key: the statement leaves out events that the table already has within the load's span of
-- time. The span lets Redshift skip all other blocks. Redshift ignores trailing blanks when it compares texts; ids may
-- end with blanks, so their lengths are compared too.
insert into dw.fact_post (
    event_id, event_time, date_key, time_key, post_id, user_id, text, sentiment, polarity,
    confidence, model_version, language, unscored_reason, arrival_time,
    query, batch_id
)
select
    staged.event_id,
    staged.event_time,
    cast(to_char(staged.event_time, 'YYYYMMDD') as integer) as date_key,
    cast(
        extract(hour from staged.event_time) * 60 + extract(minute from staged.event_time) as smallint
    ) as time_key,
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
    from stage_fact_post
) as staged
left join (
    select event_id
    from dw.fact_post
    where event_time between
        (select min(event_time) from stage_fact_post) and (select max(event_time) from stage_fact_post)
) as known
    on staged.event_id = known.event_id and octet_length(staged.event_id) = octet_length(known.event_id)
where known.event_id is null and staged.copy_number = 1;
