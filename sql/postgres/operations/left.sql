-- How many rows still name a person.
select
    (select count(*) from dw.fact_post where user_id = %(user)s)
    + (select count(*) from dw.fact_comment where user_id = %(user)s)
    + (
        select count(*) from dw.fact_interaction
        where user1_id = %(user)s or user2_id = %(user)s
    )
    + (select count(*) from dw.dim_user where user_id = %(user)s) as rows_left;
