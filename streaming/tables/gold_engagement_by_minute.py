"""gold/engagement_by_minute: likes, comments and shares of each minute.

Key: `minute` of the event, `action`.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.gold_contributions import Keys, minute, of_table
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, added

NAME = "gold/engagement_by_minute"
TABLE = KeyedTable(
    name=NAME,
    key=(("minute", TIMESTAMP), ("action", pa.string())),
    values=(("interactions", pa.int64()),),
    time="minute",
    updates=added("interactions"),
)


def keys(rows: pa.Table) -> Keys:
    """Aggregation keys of interactions."""
    return Keys(NAME, minute(rows["event_time"]), rows["action"])


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"minute": own["time"], "action": own["key1"], "interactions": own["events"]})
