-- A part of the ledger's row, for rows without an arrival time.
select
    cast('${query}' as varchar(128)) as query,
    cast('${batch_id}' as bigint) as batch_id,
    cast('${rows}' as bigint) as rows,
    cast(null as timestamp) as first_arrival,
    cast(null as timestamp) as last_arrival,
    cast('${started_at}' as timestamp) as started_at;
