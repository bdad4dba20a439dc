-- The columns of the copied files, in their order, because COPY assigns columns by position.
create temporary table stage_fact_interaction (
    ${types}
);

copy stage_fact_interaction
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift enforces no key: the statement leaves out events that the table already has within the load's span of
-- time. The span lets Redshift skip all other blocks. Redshift ignores trailing blanks when it compares texts; ids may
-- end with blanks, so their lengths are compared too.
insert into dw.fact_interaction (
    event_id, event_time, date_key, time_key, interaction_id, user1_id, user2_id, action, post_id,
    arrival_time, query, batch_id
)
select
    staged.event_id,
    staged.event_time,
    cast(to_char(staged.event_time, 'YYYYMMDD') as integer) as date_key,
    cast(
        extract(hour from staged.event_time) * 60 + extract(minute from staged.event_time) as smallint
    ) as time_key,
    staged.interaction_id,
    staged.user1_id,
    staged.user2_id,
    staged.action,
    staged.post_id,
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
    from stage_fact_interaction
) as staged
left join (
    select event_id
    from dw.fact_interaction
    where event_time between
        (select min(event_time) from stage_fact_interaction) and (select max(event_time) from stage_fact_interaction)
) as known
    on staged.event_id = known.event_id and octet_length(staged.event_id) = octet_length(known.event_id)
where known.event_id is null and staged.copy_number = 1;
