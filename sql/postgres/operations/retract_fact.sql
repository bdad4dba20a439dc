-- Facts whose events were deleted or replaced in the stream; `arrival_time`: since when the fact was to go.
create temporary table if not exists retracted_${entity} (
    event_id text,
    arrival_time timestamptz
) on commit delete rows;

copy retracted_${entity} (event_id, arrival_time) from stdin (format csv);

delete from dw.fact_${entity}
using retracted_${entity}
where dw.fact_${entity}.event_id = retracted_${entity}.event_id;

insert into dw.load_ledger (query, batch_id, rows, first_arrival, last_arrival, started_at)
select
    'retract/fact_${entity}' as query,
    cast(%(batch_id)s as bigint) as batch_id,
    count(*) as rows,
    min(arrival_time) as first_arrival,
    max(arrival_time) as last_arrival,
    now() as started_at
from retracted_${entity}
on conflict (query, batch_id) do nothing;
