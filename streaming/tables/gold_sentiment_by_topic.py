"""gold/sentiment_by_topic: the sentiment of the posts and comments with each hashtag, by minute.

Key: `minute` of the event, `topic` (hashtag, lower case, without #), `entity`. A text counts once
for each of its topics.
"""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F

from streaming.tables.gold_contributions import (
    key,
    measures,
    minute,
    of_table,
)
from streaming.tables.keyed_table import (
    ADD_MEASURES,
    MEASURES,
    TIMESTAMP,
    KeyedTable,
)
from streaming.tables.lower_case import TWO_UNITS, lower_case

NAME = "gold/sentiment_by_topic"
TABLE = KeyedTable(
    name=NAME,
    key=(("minute", TIMESTAMP), ("topic", pa.string()), ("entity", pa.string())),
    values=MEASURES,
    time="minute",
    updates=ADD_MEASURES,
    hourly=True,
)

# Up to 100 word characters of any script with at least one letter, not inside a word or an HTML entity (`&#39;`).
# Every warehouse holds 100 characters whole: 400 bytes of UTF-8.
HASHTAG = rf"(?U)(?<![\w&{TWO_UNITS}])" + r"#(?=\w{1,100}(?!\w))([\d_]*[\w&&[^\d_]]\w*)"
TOPICS_PER_TEXT = 10


def topics(text: str) -> Column:
    """The first TOPICS_PER_TEXT distinct hashtags of a text column, in order: an array of strings."""
    found = F.regexp_extract_all(lower_case(F.col(text)), F.lit(HASHTAG), F.lit(1))
    return F.slice(F.array_distinct(found), 1, TOPICS_PER_TEXT)


def keys(entity: str) -> Column:
    """Aggregation keys of a post or comment."""
    return F.transform(topics("text"), lambda topic: key(NAME, minute("event_time"), topic, F.lit(entity)))


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"minute": own["time"], "topic": own["key1"], "entity": own["key2"], **measures(own)})
