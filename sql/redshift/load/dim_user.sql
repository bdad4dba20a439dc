-- The columns of the copied files, in their order, because COPY assigns columns by position.
create temporary table stage_dim_user (
    ${types}
);

copy stage_dim_user
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
insert into dw.dim_user (
    user_id, user_name, user_age, age_band, user_location, changed_at, event_id,
    sequence_number, record_index, arrival_time, query, batch_id
)
select
    staged.user_id,
    staged.user_name,
    staged.user_age,
    case
        when staged.user_age is null or staged.user_age < 0 then 'unknown'
        when staged.user_age < 18 then 'under 18'
        when staged.user_age < 25 then '18-24'
        when staged.user_age < 35 then '25-34'
        when staged.user_age < 45 then '35-44'
        when staged.user_age < 55 then '45-54'
        when staged.user_age < 65 then '55-64'
        else '65+'
    end as age_band,
    staged.user_location,
    staged.event_time,
    staged.event_id,
    staged.sequence_number,
    staged.record_index,
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
    from stage_dim_user
) as staged
left join dw.dim_user as known
    on
        staged.user_id = known.user_id
        and staged.event_id = known.event_id
        and octet_length(staged.event_id) = octet_length(known.event_id)
where known.event_id is null and staged.copy_number = 1;

-- The bounds of every version of the users in this load, from all their events. Sequence numbers are decimal: the
-- longer one is the greater one.
update dw.dim_user
set
    valid_from = history.valid_from,
    valid_to = history.valid_to,
    is_current = history.is_current
from (
    select
        event_id,
        case
            when
                row_number() over (
                    partition by user_id, octet_length(user_id)
                    order by
                        changed_at, length(sequence_number), sequence_number, record_index, event_id
                ) = 1
                then cast('1900-01-01 00:00:00' as timestamp)
            else changed_at
        end as valid_from,
        coalesce(next_change, cast('9999-12-31 00:00:00' as timestamp)) as valid_to,
        next_change is null as is_current
    from (
        select
            *,
            lead(changed_at) over (
                partition by user_id, octet_length(user_id)
                order by
                    changed_at, length(sequence_number), sequence_number, record_index, event_id
            ) as next_change
        from dw.dim_user
        where user_id in (select user_id from stage_dim_user)
    ) as versions
) as history
where
    dw.dim_user.event_id = history.event_id
    and octet_length(dw.dim_user.event_id) = octet_length(history.event_id)
    and (
        dw.dim_user.valid_to is null
        or dw.dim_user.valid_from <> history.valid_from
        or dw.dim_user.valid_to <> history.valid_to
        or dw.dim_user.is_current <> history.is_current
    );
