create temporary table if not exists stage_freshness (
    batch_id bigint,
    committed_at timestamptz,
    events bigint,
    first_arrival timestamptz,
    last_arrival timestamptz,
    lag_p50_s double precision,
    lag_p95_s double precision,
    deleted boolean
) on commit delete rows;

copy stage_freshness (
    batch_id, committed_at, events, first_arrival, last_arrival, lag_p50_s, lag_p95_s, deleted
) from stdin (format csv);

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
