-- How fresh each layer is.
select layer, last_arrival, committed_at, lag_s
from dw.layer_freshness;
