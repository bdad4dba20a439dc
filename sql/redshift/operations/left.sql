-- How many rows still name a person.
select
    (select count(*) from dw.fact_post where user_id = :user)
    + (select count(*) from dw.fact_comment where user_id = :user)
    + (
        select count(*) from dw.fact_interaction
        where user1_id = :user or user2_id = :user
    )
    + (select count(*) from dw.dim_user where user_id = :user) as rows_left;
