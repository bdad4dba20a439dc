-- A part of the ledger's row: the numbers of one staging table of facts.
select
    cast('${query}' as varchar(128)) as query,
    cast('${batch_id}' as bigint) as batch_id,
    count(*) as rows,
    min(arrival_time) as first_arrival,
    max(arrival_time) as last_arrival,
    cast('${started_at}' as timestamp) as started_at
from stage_${target};
