-- Last statement of a load.
update dw.load_ledger
set
    rows = cast(%(rows)s as bigint),
    first_arrival = cast(%(first_arrival)s as timestamptz),
    last_arrival = cast(%(last_arrival)s as timestamptz),
    committed_at = clock_timestamp()
where query = %(query)s and batch_id = %(batch_id)s;
