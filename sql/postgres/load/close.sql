-- Last statement of a load.
update dw.load_ledger
set committed_at = clock_timestamp()
where query = %(query)s and batch_id = %(batch_id)s;
