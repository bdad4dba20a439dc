-- How many rows that arrived until a moment still name a person.
select
    (
        select count(*) from dw.fact_post
        where
            user_id = %(user)s
            and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC')
    )
    + (
        select count(*) from dw.fact_comment
        where
            user_id = %(user)s
            and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC')
    )
    + (
        select count(*) from dw.fact_interaction
        where
            (user1_id = %(user)s or user2_id = %(user)s)
            and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC')
    )
    + (
        select count(*) from dw.dim_user
        where
            user_id = %(user)s
            and (arrival_time is null or arrival_time <= cast(%(before)s as timestamp) at time zone 'UTC')
    ) as rows_left;
