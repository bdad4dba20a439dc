-- Last statement of a transaction: one row for each of its loads. `${rows}` are filled forms of ledger_of_stage.sql and
-- ledger_of_rows.sql. A load with an unknown outcome may be repeated, so rows that the ledger already has are left out.
insert into dw.load_ledger (
    query, batch_id, rows, first_arrival, last_arrival, started_at, committed_at
)
select
    loaded.query,
    loaded.batch_id,
    sum(loaded.rows) as rows,
    min(loaded.first_arrival) as first_arrival,
    max(loaded.last_arrival) as last_arrival,
    min(loaded.started_at) as started_at,
    getdate() as committed_at
from (
    ${rows}
) as loaded
left join dw.load_ledger as known
    on loaded.query = known.query and loaded.batch_id = known.batch_id
where known.query is null
group by loaded.query, loaded.batch_id;
