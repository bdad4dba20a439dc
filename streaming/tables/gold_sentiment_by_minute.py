"""gold/sentiment_by_minute: the sentiment of the posts and comments of each minute, and how many of them were late.

Key: `minute` of the event, `entity` (post, comment).
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.gold_contributions import (
    Keys,
    measures,
    minute,
    of_table,
)
from streaming.tables.keyed_table import (
    ADD_MEASURES,
    LATE,
    MEASURES,
    TIMESTAMP,
    KeyedTable,
    added,
)

NAME = "gold/sentiment_by_minute"
TABLE = KeyedTable(
    name=NAME,
    key=(("minute", TIMESTAMP), ("entity", pa.string())),
    values=(*MEASURES, *LATE),
    time="minute",
    updates={**ADD_MEASURES, **added("late")},
)


def keys(rows: pa.Table, entity: str) -> Keys:
    """Aggregation keys of posts or comments."""
    return Keys(NAME, minute(rows["event_time"]), entity)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"minute": own["time"], "entity": own["key1"], **measures(own), "late": own["late"]})
