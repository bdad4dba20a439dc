"""gold/cost_by_minute: what the job used in each minute, and for how many events.

Key: `minute` (of the clock, in which the measured time began). All values add up over minutes: `seconds` that were
measured, `events` that gold counted in them, `cpu_s` CPU seconds of the driver's processes (in a local run: of the
whole job), `task_s` seconds that executors spent on tasks, `core_s` cores held times seconds, `usd` their price, null
without `--core-hour-usd`. Written by the hop `watch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, added

NAME = "gold/cost_by_minute"
VALUES = (
    ("seconds", pa.float64()),
    ("events", pa.int64()),
    ("cpu_s", pa.float64()),
    ("task_s", pa.float64()),
    ("core_s", pa.float64()),
    ("usd", pa.float64()),
)
TABLE = KeyedTable(
    name=NAME,
    key=(("minute", TIMESTAMP),),
    values=VALUES,
    time="minute",
    # A job that was started again within the minute adds its share.
    updates=added(*(name for name, _ in VALUES)),
    rebuilt=False,
)


def table_of(row: Mapping[str, Any]) -> pa.Table:
    """Converts a dict with the table's key and values to an Arrow table of its schema."""
    fields = pa.schema([*TABLE.key, *TABLE.values])
    made = pa.Table.from_pylist([dict(row)], fields)
    return TABLE.rows({name: made[name] for name in fields.names})
