-- First statement of a load. A concurrent load of the same batch waits here until this one has committed or failed;
-- whoever gets no row back has nothing left to do.
insert into dw.load_ledger (query, batch_id, rows, first_arrival, last_arrival, started_at)
values (
    %(query)s, %(batch_id)s, %(rows)s, %(first_arrival)s, %(last_arrival)s, %(started_at)s
)
on conflict (query, batch_id) do nothing
returning batch_id;
