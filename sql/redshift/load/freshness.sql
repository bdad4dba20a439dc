create temporary table stage_freshness (
    batch_id bigint,
    committed_at timestamp,
    events bigint,
    first_arrival timestamp,
    last_arrival timestamp,
    lag_p50_s double precision,
    lag_p95_s double precision,
    deleted boolean
);

copy stage_freshness
from '${manifest}'
iam_role '${role}'
format as parquet
manifest;

delete from dw.freshness
using stage_freshness
where
    dw.freshness.batch_id = stage_freshness.batch_id;

insert into dw.freshness (
    batch_id, committed_at, events, first_arrival, last_arrival, lag_p50_s, lag_p95_s
)
select
    batch_id, committed_at, events, first_arrival, last_arrival, lag_p50_s, lag_p95_s
from stage_freshness
where not deleted;
