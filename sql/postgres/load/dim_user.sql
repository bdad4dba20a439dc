create temporary table if not exists stage_dim_user (
    event_id text,
    event_time timestamptz,
    user_id text,
    user_name text,
    user_age integer,
    user_location text,
    sequence_number text,
    record_index integer,
    arrival_time timestamptz
) on commit delete rows;

copy stage_dim_user (
    event_id, event_time, user_id, user_name, user_age, user_location, sequence_number,
    record_index, arrival_time
) from stdin (format csv);

analyze stage_dim_user;

insert into dw.dim_user (
    user_id, user_name, user_age, age_band, user_location, changed_at, event_id,
    sequence_number, record_index, arrival_time, query, batch_id
)
select
    user_id,
    user_name,
    user_age,
    case
        when user_age is null or user_age < 0 then 'unknown'
        when user_age < 18 then 'under 18'
        when user_age < 25 then '18-24'
        when user_age < 35 then '25-34'
        when user_age < 45 then '35-44'
        when user_age < 55 then '45-54'
        when user_age < 65 then '55-64'
        else '65+'
    end as age_band,
    user_location,
    event_time,
    event_id,
    sequence_number,
    record_index,
    arrival_time,
    %(query)s as query,
    %(batch_id)s as batch_id
from stage_dim_user
on conflict (event_id) do nothing;

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
            when row_number() over versions = 1 then timestamptz '1900-01-01 00:00:00+00'
            else changed_at
        end as valid_from,
        coalesce(
            lead(changed_at) over versions, timestamptz '9999-12-31 00:00:00+00'
        ) as valid_to,
        lead(changed_at) over versions is null as is_current
    from dw.dim_user
    where user_id in (select user_id from stage_dim_user)
    window versions as (
        partition by user_id
        order by changed_at, length(sequence_number), sequence_number, record_index, event_id
    )
) as history
where
    dw.dim_user.event_id = history.event_id
    and (
        dw.dim_user.valid_from is distinct from history.valid_from
        or dw.dim_user.valid_to is distinct from history.valid_to
        or dw.dim_user.is_current is distinct from history.is_current
    );
