-- How many rows that arrived until a moment still name a person.
select
    (
        select count(*) from dw.fact_post
        where
            user_id = :user
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.fact_comment
        where
            user_id = :user
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.fact_interaction
        where
            (user1_id = :user or user2_id = :user)
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.dim_user
        where
            user_id = :user
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    ) as rows_left;
