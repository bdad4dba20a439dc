"""gold/quality_by_minute: the events that arrived in each minute, accepted or rejected, and how many of them were late.

Key: `minute` of arrival, `entity` (post, comment, interaction, user, deletion, rejected), `reason` (empty where not
rejected).
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.gold_contributions import Keys, Strings, minute, of_table
from streaming.tables.keyed_table import (
    LATE,
    TIMESTAMP,
    KeyedTable,
    added,
)

NAME = "gold/quality_by_minute"
TABLE = KeyedTable(
    name=NAME,
    key=(("minute", TIMESTAMP), ("entity", pa.string()), ("reason", pa.string())),
    values=(("events", pa.int64()), *LATE),
    time="minute",
    updates=added("events", "late"),
)


def keys(rows: pa.Table, entity: str, reason: Strings = "") -> Keys:
    """Aggregation keys of any events; `reason` only for rejected ones."""
    return Keys(NAME, minute(rows["arrival_time"]), entity, reason)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows(
        {
            "minute": own["time"],
            "entity": own["key1"],
            "reason": own["key2"],
            "events": own["events"],
            "late": own["late"],
        }
    )
