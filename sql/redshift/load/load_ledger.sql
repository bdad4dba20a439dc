-- Last statements of a load, which commits with them.
create temporary table stage_load_ledger (
    query varchar(128),
    batch_id bigint,
    rows bigint,
    first_arrival timestamp,
    last_arrival timestamp,
    started_at timestamp
);

copy stage_load_ledger
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

insert into dw.load_ledger (
    query, batch_id, rows, first_arrival, last_arrival, started_at, committed_at
)
select
    staged.query,
    staged.batch_id,
    staged.rows,
    staged.first_arrival,
    staged.last_arrival,
    staged.started_at,
    getdate() as committed_at
from stage_load_ledger as staged
left join dw.load_ledger as known
    on staged.query = known.query and staged.batch_id = known.batch_id
where known.query is null;
