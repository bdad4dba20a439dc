"""gold/quality_by_minute: what arrived in each minute, accepted or rejected, and how much of it came late.

Key: `minute` of arrival, `entity` (post, comment, interaction, user, rejected), `reason` (empty where not rejected).
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from streaming.tables.gold_contributions import key, minute, of_table
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


def keys(entity: str, reason: Column | None = None) -> Column:
    """What any event counts for."""
    return F.array(key(NAME, minute("arrival_time"), F.lit(entity), reason))


def rows(sums: pa.Table) -> pa.Table:
    """The table's rows of a batch's sums."""
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
