create temporary table if not exists stage_quality_by_minute (
    minute timestamptz,
    entity text,
    reason text,
    events bigint,
    late bigint,
    deleted boolean
) on commit delete rows;

copy stage_quality_by_minute (
    minute, entity, reason, events, late, deleted
) from stdin (format csv);

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
