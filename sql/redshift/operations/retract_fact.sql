-- Facts whose events were deleted or replaced in the stream; `arrival_time`: since when the fact was to go.
create temporary table retracted_${entity} (
    event_id varchar(512),
    arrival_time timestamp
);

copy retracted_${entity}
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.fact_${entity}
using retracted_${entity}
where dw.fact_${entity}.event_id = retracted_${entity}.event_id;

-- A sum without rows is a row, so the ledger is asked outside of it.
insert into dw.load_ledger (
    query, batch_id, rows, first_arrival, last_arrival, started_at, committed_at
)
select
    'retract/fact_${entity}' as query,
    cast('${batch_id}' as bigint) as batch_id,
    gone.rows,
    gone.first_arrival,
    gone.last_arrival,
    getdate() as started_at,
    getdate() as committed_at
from (
    select
        count(*) as rows,
        min(arrival_time) as first_arrival,
        max(arrival_time) as last_arrival
    from retracted_${entity}
) as gone
left join dw.load_ledger as known
    on
        known.query = 'retract/fact_${entity}'
        and known.batch_id = cast('${batch_id}' as bigint)
where known.query is null;
