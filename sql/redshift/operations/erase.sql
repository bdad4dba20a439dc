-- Everything of one person. Others' comments on their posts stay.
delete from dw.fact_post
where user_id = :user;

delete from dw.fact_comment
where user_id = :user;

delete from dw.fact_interaction
where user1_id = :user or user2_id = :user;

delete from dw.dim_user
where user_id = :user;
