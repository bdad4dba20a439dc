-- First statements of a load. A concurrent load of the same query waits here until this one has committed or failed; who
-- gets no row back has nothing left to do. A batch before the last one is a replay too: batches come in order, and an
-- old version of an aggregate must never replace a newer one.
select pg_advisory_xact_lock(hashtextextended(%(query)s, 0));

insert into dw.load_ledger (query, batch_id, rows, started_at)
select
    %(query)s,
    cast(%(batch_id)s as bigint),
    0,
    cast(%(started_at)s as timestamptz)
where not exists (
    select 1 from dw.load_ledger
    where query = %(query)s and batch_id >= %(batch_id)s
)
on conflict (query, batch_id) do nothing
returning batch_id;
