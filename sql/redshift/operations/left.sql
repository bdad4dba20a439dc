-- How many rows that arrived until a moment still name a person.
-- Redshift ignores trailing blanks when it compares texts. Ids may end with blanks, so their lengths are compared too.
select
    (
        select count(*) from dw.fact_post
        where
            user_id = :user
            and octet_length(user_id) = octet_length(:user)
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.fact_comment
        where
            user_id = :user
            and octet_length(user_id) = octet_length(:user)
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.fact_interaction
        where
            (
                (user1_id = :user and octet_length(user1_id) = octet_length(:user))
                or (user2_id = :user and octet_length(user2_id) = octet_length(:user))
            )
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    )
    + (
        select count(*) from dw.dim_user
        where
            user_id = :user
            and octet_length(user_id) = octet_length(:user)
            and (arrival_time is null or arrival_time <= cast(:before as timestamp))
    ) as rows_left;
