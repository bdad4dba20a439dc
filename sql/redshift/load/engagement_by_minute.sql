create temporary table stage_engagement_by_minute (
    minute timestamp,
    action varchar(16),
    interactions bigint,
    deleted boolean
);

copy stage_engagement_by_minute
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

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
