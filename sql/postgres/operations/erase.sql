-- What arrived of one person until a moment. Others' comments on their posts stay.
delete from dw.fact_post
where
    user_id = %(user)s
    and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC');

delete from dw.fact_comment
where
    user_id = %(user)s
    and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC');

delete from dw.fact_interaction
where
    (user1_id = %(user)s or user2_id = %(user)s)
    and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC');

delete from dw.dim_user
where
    user_id = %(user)s
    and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC');

-- The bounds of the versions that came later, as the load of dim_user sets them.
update dw.dim_user
set
    valid_from = history.valid_from,
    valid_to = history.valid_to,
    is_current = history.is_current
from (
    select
        event_id,
        case
            when previous_change is null then timestamptz '1900-01-01 00:00:00+00'
            else changed_at
        end as valid_from,
        coalesce(next_change, timestamptz '9999-12-31 00:00:00+00') as valid_to,
        next_change is null as is_current
    from (
        select
            event_id,
            changed_at,
            lag(changed_at) over (
                partition by user_id
                order by changed_at, length(sequence_number), sequence_number, record_index, event_id
            ) as previous_change,
            lead(changed_at) over (
                partition by user_id
                order by changed_at, length(sequence_number), sequence_number, record_index, event_id
            ) as next_change
        from dw.dim_user
        where user_id = %(user)s
    ) as versions
) as history
where dw.dim_user.event_id = history.event_id;
