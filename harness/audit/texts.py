"""Counts hashtags and words of silver's texts in Python: DuckDB's regular expressions have no look-behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import regex

from streaming.tables.gold_sentiment_by_topic import TOPICS_PER_TEXT
from streaming.tables.gold_terms_by_hour import STOP_WORDS, TERMS_PER_TEXT
from streaming.tables.lower_case import known_letters, lower_case

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE = 10_000
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000
SENTIMENTS = ("negative", "neutral", "positive")

# `regex` and not `re`: the latter's \w leaves out the marks that Hindi or Thai words are made of.
HASHTAG = regex.compile(r"(?<![\w&])#(?=\w{1,100}(?!\w))([\d_]*[\w--[\d_]]\w*)", regex.VERSION1)
ADDRESS = regex.compile(r"https?://\S+|www\.\S+|@\w+")
WORD = regex.compile(r"(?<![\p{L}\p{M}\p{N}_])\p{L}[\p{L}\p{M}]{2,39}(?![\p{L}\p{M}\p{N}_])")

Sums = dict[tuple[Any, ...], list[float]]


def topics(text: str) -> list[str]:
    """The distinct hashtags of a text in order, lower case."""
    return list(dict.fromkeys(HASHTAG.findall(lower_case(known_letters(text)))))[:TOPICS_PER_TEXT]


def terms(text: str) -> list[str]:
    """The distinct words of a text in order, lower case, without stop words."""
    words = WORD.findall(lower_case(ADDRESS.sub(" ", known_letters(text))))
    return list(dict.fromkeys(word for word in words if word not in STOP_WORDS))[:TERMS_PER_TEXT]


def count_words(connection: DuckDBPyConnection) -> None:
    """Make tables `topic_counts` and `term_counts` from view `texts`; memory grows with the number of their keys."""
    by_topic: Sums = defaultdict(lambda: [0.0] * 6)
    by_term: Sums = defaultdict(lambda: [0.0] * 6)
    reader = connection.cursor()
    reader.execute("select entity, event_us, text, sentiment, polarity, confidence from texts")
    while rows := reader.fetchmany(AT_ONCE):
        for entity, at, text, *score in rows:
            for topic in topics(text):
                _add(by_topic[at // MINUTE_US * MINUTE_US, topic, entity], *score)
            for term in terms(text):
                _add(by_term[at // HOUR_US * HOUR_US, term], *score)
    _store(connection, "topic_counts", ("minute", "topic", "entity"), by_topic)
    _store(connection, "term_counts", ("hour", "term"), by_term)


def _add(sums: list[float], sentiment: str | None, polarity: float | None, confidence: float | None) -> None:
    sums[0] += 1
    if sentiment in SENTIMENTS:
        sums[1 + SENTIMENTS.index(sentiment)] += 1
    sums[4] += polarity or 0.0
    sums[5] += confidence or 0.0


def _store(connection: DuckDBPyConnection, name: str, key: tuple[str, ...], sums: Sums) -> None:
    measures = ("events", *SENTIMENTS, "polarity_sum", "confidence_sum")
    kinds = [pa.int64(), *[pa.string()] * (len(key) - 1), *[pa.float64()] * len(measures)]
    schema = pa.schema(list(zip((*key, *measures), kinds, strict=True)))
    connection.register("empty", schema.empty_table())
    connection.execute(f"create or replace table {name} as select * from empty")
    for part in _parts(sums.items()):
        columns = zip(*((*place, *values) for place, values in part), strict=True)
        connection.register("part", pa.table([list(column) for column in columns], schema=schema))
        connection.execute(f"insert into {name} select * from part")


def _parts(items: Iterable[tuple[tuple[Any, ...], list[float]]]) -> Iterator[list[tuple[tuple[Any, ...], list[float]]]]:
    iterator = iter(items)
    while part := list(islice(iterator, AT_ONCE)):
        yield part
