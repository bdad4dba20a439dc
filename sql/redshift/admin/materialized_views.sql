-- Optional, run once by an administrator where dashboards ask often: Redshift then keeps the joined comments itself, and
-- refreshes only what changed. The view keeps its name, so queries need no change.
create materialized view dw.author_reaction_stored
auto refresh yes
as
select
    fact_post.user_id as author_id,
    fact_post.post_id,
    count(*) as comments,
    sum(case when fact_comment.sentiment = 'negative' then 1 else 0 end) as negative,
    sum(case when fact_comment.sentiment = 'positive' then 1 else 0 end) as positive,
    sum(fact_comment.polarity) as polarity_sum
from dw.fact_comment
inner join dw.fact_post on fact_comment.post_id = fact_post.post_id
where fact_comment.sentiment is not null
group by fact_post.user_id, fact_post.post_id;

-- The plain view belongs to the job's user, who must be able to read what it shows. Nobody without rights on the schema can.
grant select on dw.author_reaction_stored to public;

create or replace view dw.author_reaction as
select
    author_id, post_id, comments, negative, positive, polarity_sum
from dw.author_reaction_stored;
