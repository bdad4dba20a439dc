-- Accepted, rejected and late events by minute of arrival.
select
    minute as arrived_at, entity, reason, events, late,
    case when entity = 'rejected' then events else 0 end as rejected
from dw.quality_by_minute;
