-- Likes, comments and shares by minute.
select minute as happened_at, action, interactions
from dw.engagement_by_minute;
