-- Posts and comments in one list. Grain: one accepted post or comment event.
create or replace view reaction as
select
    'post' as entity, event_id, event_time, post_id, user_id, text, sentiment, polarity, confidence, model_version,
    arrival_time, year, month, day
from silver_posts
union all
select
    'comment' as entity, event_id, event_time, post_id, user_id, text, sentiment, polarity, confidence, model_version,
    arrival_time, year, month, day
from silver_comments;
