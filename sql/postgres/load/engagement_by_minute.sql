create temporary table if not exists stage_engagement_by_minute (
    minute timestamptz,
    action text,
    interactions bigint,
    deleted boolean
) on commit delete rows;

copy stage_engagement_by_minute (
    minute, action, interactions, deleted
) from stdin (format csv);

delete from dw.engagement_by_minute
using stage_engagement_by_minute
where
    dw.engagement_by_minute.minute = stage_engagement_by_minute.minute
    and dw.engagement_by_minute.action = stage_engagement_by_minute.action;

insert into dw.engagement_by_minute (
    minute, action, interactions
)
select
    minute, action, interactions
from stage_engagement_by_minute
where not deleted;
