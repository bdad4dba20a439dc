-- Accepted, rejected and late events by minute of arrival.
select minute, entity, reason, events, late
from dw.quality_by_minute;
