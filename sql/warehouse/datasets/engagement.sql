-- Likes, comments and shares by minute.
select minute, action, interactions
from dw.engagement_by_minute;
