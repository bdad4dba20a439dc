-- The part of the ledger's row that facts of one staging table make up.
select
    cast('${query}' as varchar(128)) as query,
    cast('${batch_id}' as bigint) as batch_id,
    count(*) as rows,
    min(arrival_time) as first_arrival,
    max(arrival_time) as last_arrival,
    cast('${started_at}' as timestamp) as started_at
from stage_${target};
