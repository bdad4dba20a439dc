"""gold/language_by_hour: the posts and comments in each language, and how many of them the model did not score.

Key: `hour` of the event, `language` (`und`: no words; `unknown`: an earlier release took the text in), `entity` (post,
comment). `texts` counts all, `unscored` those without a sentiment, which are in no other gold table about sentiment.
"""

from __future__ import annotations

from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables.gold_contributions import Keys, hour, of_table
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, added

NAME = "gold/language_by_hour"
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("language", pa.string()), ("entity", pa.string())),
    values=(("texts", pa.int64()), ("unscored", pa.int64())),
    time="hour",
    updates=added("texts", "unscored"),
)


def keys(rows: pa.Table, entity: str) -> Keys:
    """Aggregation keys of posts or comments."""
    return Keys(NAME, hour(rows["event_time"]), rows["language"], entity)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    unscored = reduce(pc.subtract, (own["negative"], own["neutral"], own["positive"]), own["events"])
    return TABLE.rows(
        {
            "hour": own["time"],
            "language": own["key1"],
            "entity": own["key2"],
            "texts": own["events"],
            "unscored": unscored,
        }
    )
