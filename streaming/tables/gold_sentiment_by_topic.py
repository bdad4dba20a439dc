"""gold/sentiment_by_topic: the sentiment of the posts and comments with each hashtag, by minute.

Key: `minute` of the event, `topic` (hashtag, lower case, without #), `entity`. A text counts once
for each of its topics.
"""

from __future__ import annotations

import pyarrow as pa
import regex

from streaming.tables.gold_contributions import (
    Keys,
    exploded,
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
from streaming.tables.lower_case import known_letters, lower_case

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
# `regex` and not `re`: its \w has the marks that Hindi or Thai words are made of.
HASHTAG = regex.compile(r"(?<![\w&])#(?=\w{1,100}(?!\w))([\d_]*[\w--[\d_]]\w*)", regex.VERSION1)
TOPICS_PER_TEXT = 10


def topics(text: str) -> list[str]:
    """The first TOPICS_PER_TEXT distinct hashtags of a text, in order."""
    if "#" not in text:
        return []
    return list(dict.fromkeys(HASHTAG.findall(lower_case(known_letters(text)))))[:TOPICS_PER_TEXT]


def keys(rows: pa.Table, entity: str) -> Keys:
    """Aggregation keys of posts or comments, one for each of their topics."""
    return exploded(rows, NAME, minute(rows["event_time"]), topics, entity)


def rows(sums: pa.Table) -> pa.Table:
    """Converts a micro-batch's sums to rows of the table."""
    own = of_table(sums, NAME)
    return TABLE.rows({"minute": own["time"], "topic": own["key1"], "entity": own["key2"], **measures(own)})
