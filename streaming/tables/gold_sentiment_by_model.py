"""gold/sentiment_by_model: the sentiment that each model version gave, hour by hour.

Key: `hour` of the event, `model_version`, `entity` (post, comment).
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.gold_contributions import (
    Keys,
    hour,
    measures,
    of_table,
)
from streaming.tables.keyed_table import (
    ADD_MEASURES,
    MEASURES,
    TIMESTAMP,
    KeyedTable,
)

NAME = "gold/sentiment_by_model"
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("model_version", pa.string()), ("entity", pa.string())),
    values=MEASURES,
    time="hour",
    updates=ADD_MEASURES,
)


def keys(rows: pa.Table, entity: str) -> Keys:
    """Aggregation keys of posts or comments."""
    return Keys(NAME, hour(rows["event_time"]), rows["model_version"], entity)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"hour": own["time"], "model_version": own["key1"], "entity": own["key2"], **measures(own)})
