-- What arrived of one person until a moment. Others' comments on their posts stay.
-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
delete from dw.fact_post
where
    user_id = :user
    and octet_length(user_id) = octet_length(:user)
    and (arrival_time is null or arrival_time <= cast(:before as timestamp));

delete from dw.fact_comment
where
    user_id = :user
    and octet_length(user_id) = octet_length(:user)
    and (arrival_time is null or arrival_time <= cast(:before as timestamp));

delete from dw.fact_interaction
where
    (
        (user1_id = :user and octet_length(user1_id) = octet_length(:user))
        or (user2_id = :user and octet_length(user2_id) = octet_length(:user))
    )
    and (arrival_time is null or arrival_time <= cast(:before as timestamp));

delete from dw.dim_user
where
    user_id = :user
    and octet_length(user_id) = octet_length(:user)
    and (arrival_time is null or arrival_time <= cast(:before as timestamp));

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
            when previous_change is null then cast('1900-01-01 00:00:00' as timestamp)
            else changed_at
        end as valid_from,
        coalesce(next_change, cast('9999-12-31 00:00:00' as timestamp)) as valid_to,
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
        where user_id = :user and octet_length(user_id) = octet_length(:user)
    ) as versions
) as history
where
    dw.dim_user.event_id = history.event_id
    and octet_length(dw.dim_user.event_id) = octet_length(history.event_id);
