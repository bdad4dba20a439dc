-- How fresh gold is, as the warehouse's view of the same name says. Grain: one layer.
create or replace view layer_freshness as
select
    'gold' as layer,
    max(last_arrival) as last_arrival,
    max(committed_at) as committed_at,
    date_diff('millisecond', max(last_arrival), max(committed_at)) / 1e3 as lag_s
from gold_freshness;
