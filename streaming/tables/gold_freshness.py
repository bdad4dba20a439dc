"""gold/freshness: the lag of each micro-batch of the aggregate hop.

Key: `batch_id`. Lag is the time of the commit minus the arrival time, in seconds, accurate to a tenth.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables.gold_contributions import Keys, floored, of_table
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "gold/freshness"
VALUES = (
    ("committed_at", TIMESTAMP),
    ("events", pa.int64()),
    ("first_arrival", TIMESTAMP),
    ("last_arrival", TIMESTAMP),
    ("lag_p50_s", pa.float64()),
    ("lag_p95_s", pa.float64()),
)
TABLE = KeyedTable(
    name=NAME,
    key=(("batch_id", pa.int64()),),
    values=VALUES,
    time="committed_at",
    updates=replaced(*(name for name, _ in VALUES)),
)

RESOLUTION_US = 100_000


def keys(rows: pa.Table) -> Keys:
    """Aggregation keys of any events: the tenth of a second in which each arrived."""
    return Keys(NAME, floored(rows["arrival_time"], RESOLUTION_US))


def rows(sums: pa.Table, batch: int, committed_at: datetime) -> pa.Table:
    """The micro-batch's row; no row if it had no events. `committed_at` is an aware time."""
    own = of_table(sums, NAME)
    if own.num_rows == 0:
        return TABLE.schema.empty_table()
    now = pa.scalar(committed_at, TIMESTAMP).cast(pa.int64()).as_py()
    arrival = own["time"].cast(pa.int64()).to_numpy()
    events = own["events"].to_numpy()
    oldest_first = np.argsort(arrival)
    lags = (now - arrival[oldest_first])[::-1] / 1e6
    reached = np.cumsum(events[oldest_first][::-1]) / events.sum()
    p50, p95 = (float(lags[np.searchsorted(reached, share)]) for share in (0.5, 0.95))
    values = {
        "batch_id": batch,
        "committed_at": committed_at,
        "events": int(events.sum()),
        "first_arrival": pc.min(own["first_arrival"]),
        "last_arrival": pc.max(own["last_arrival"]),
        "lag_p50_s": p50,
        "lag_p95_s": p95,
    }
    types = dict((*TABLE.key, *VALUES))
    return TABLE.rows({name: _one(value, types[name]) for name, value in values.items()})


def _one(value: object, kind: pa.DataType) -> pa.ChunkedArray:
    scalar = value.as_py() if isinstance(value, pa.Scalar) else value
    return pa.chunked_array([pa.array([scalar], kind)])
