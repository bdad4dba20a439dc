create temporary table stage_quality_by_minute (
    minute timestamp,
    entity varchar(16),
    reason varchar(64),
    events bigint,
    late bigint,
    deleted boolean
);

copy stage_quality_by_minute
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.quality_by_minute
using stage_quality_by_minute
where
    dw.quality_by_minute.minute = stage_quality_by_minute.minute
    and dw.quality_by_minute.entity = stage_quality_by_minute.entity
    and dw.quality_by_minute.reason = stage_quality_by_minute.reason;

insert into dw.quality_by_minute (
    minute, entity, reason, events, late
)
select
    minute, entity, reason, events, late
from stage_quality_by_minute
where not deleted;
