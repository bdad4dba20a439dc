"""The contributions of silver rows to gold, computed without Spark: the twin of tables/gold_contributions.py.

The aggregate hop sums a micro-batch in one Spark job; an operation changes few rows, and Spark would take longer to
start than to work. `tests/integration/test_operations_contributions.py` compares the two.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import regex

from streaming.tables import (
    gold_engagement_by_minute,
    gold_language_by_hour,
    gold_quality_by_minute,
    gold_sentiment_by_cohort,
    gold_sentiment_by_minute,
    gold_sentiment_by_model,
    gold_sentiment_by_topic,
    gold_terms_by_hour,
    silver_comments,
    silver_deletions,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
)
from streaming.tables.catalog import ROWS
from streaming.tables.gold_contributions import (
    COUNTS,
    KEY,
    SUMS,
    UNKNOWN,
    measures,
    of_table,
)
from streaming.tables.gold_sentiment_by_cohort import Cohort
from streaming.tables.gold_sentiment_by_topic import TOPICS_PER_TEXT
from streaming.tables.gold_terms_by_hour import STOP_WORDS, TERMS_PER_TEXT
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable
from streaming.tables.lower_case import TWO_UNITS, as_java_reads, lower_cased
from streaming.tables.parsed_events import REJECTED

ENTITIES: Mapping[str, str] = {
    silver_posts.NAME: silver_posts.ENTITY,
    silver_comments.NAME: silver_comments.ENTITY,
    silver_interactions.NAME: silver_interactions.ENTITY,
    silver_user_changes.NAME: silver_user_changes.ENTITY,
    silver_deletions.NAME: silver_deletions.ENTITY,
    silver_rejected.NAME: REJECTED,
}
TABLES: Mapping[str, KeyedTable] = {
    module.NAME: module.TABLE
    for module in (
        gold_sentiment_by_minute,
        gold_sentiment_by_topic,
        gold_sentiment_by_cohort,
        gold_sentiment_by_model,
        gold_engagement_by_minute,
        gold_quality_by_minute,
        gold_terms_by_hour,
        gold_language_by_hour,
    )
}
SENTIMENTS = ("negative", "neutral", "positive")
LATE_AFTER = timedelta(minutes=10)

# `regex` and not `re`: its \w has the marks that Hindi or Thai words are made of, as Java's has.
_HASHTAG = regex.compile(rf"(?<![\w&{TWO_UNITS}])" + r"#(?=\w{1,100}(?!\w))([\d_]*[\w--[\d_]]\w*)", regex.VERSION1)
_ADDRESS = regex.compile(r"https?://\S+|www\.\S+|@\w+")
_WORD = regex.compile(rf"(?<![\p{{L}}\p{{M}}\p{{N}}_{TWO_UNITS}])" + r"\p{L}[\p{L}\p{M}]{2,39}(?![\p{L}\p{M}\p{N}_])")

Row = Mapping[str, Any]
Place = tuple[str, datetime, str, str]
CohortOf = Callable[[Row], Cohort]


class Sums:
    """Signed sums of contributions by gold table and key. `cohort_of` gives the cohort of a post or comment."""

    def __init__(self, cohort_of: CohortOf) -> None:
        self._cohort_of = cohort_of
        self._sums: dict[Place, list[float]] = defaultdict(lambda: [0.0] * (len(COUNTS) + len(SUMS)))

    def add(self, name: str, rows: pa.Table, sign: int) -> None:
        """Add (`sign` 1) or subtract (-1) the contributions of rows of the silver table `name`."""
        entity = ENTITIES[name]
        for row in rows.to_pylist():
            values = _values(row)
            for place in _keys(entity, row, self._cohort_of):
                sums = self._sums[place]
                for index, value in enumerate(values):
                    sums[index] += sign * value

    def rows(self) -> dict[str, pa.Table]:
        """Gold table -> the rows to *add* to it; keys whose sums are all zero are left out."""
        sums = self._table()
        found = {name: _rows(name, sums) for name in TABLES}
        return {name: rows for name, rows in found.items() if rows.num_rows}

    def _table(self) -> pa.Table:
        kept = [(place, sums) for place, sums in self._sums.items() if any(abs(value) > 1e-12 for value in sums)]
        places = list(zip(*(place for place, _ in kept), strict=True)) or [()] * len(KEY)
        values = list(zip(*(sums for _, sums in kept), strict=True)) or [()] * (len(COUNTS) + len(SUMS))
        kinds = dict(zip(KEY, (pa.string(), TIMESTAMP, pa.string(), pa.string()), strict=True))
        columns = {name: pa.array(column, kinds[name]) for name, column in zip(KEY, places, strict=True)}
        for name, column in zip((*COUNTS, *SUMS), values, strict=True):
            columns[name] = pa.array(column, pa.float64()).cast(pa.int64() if name in COUNTS else pa.float64())
        return pa.table(columns)


def topics(text: str) -> list[str]:
    """The distinct hashtags of a text in order, lower case, as gold/sentiment_by_topic counts them."""
    return list(dict.fromkeys(_HASHTAG.findall(lower_cased(as_java_reads(text)))))[:TOPICS_PER_TEXT]


def terms(text: str) -> list[str]:
    """The distinct terms of a text without stop words, in order, lower case, as gold/terms_by_hour counts them."""
    words = _WORD.findall(lower_cased(_ADDRESS.sub(" ", as_java_reads(text))))
    return list(dict.fromkeys(word for word in words if word not in STOP_WORDS))[:TERMS_PER_TEXT]


def _values(row: Row) -> tuple[float, ...]:
    event, arrival, sentiment = row["event_time"], row["arrival_time"], row.get("sentiment")
    late = event is not None and arrival is not None and arrival > event + LATE_AFTER
    counts = (float(sentiment == name) for name in SENTIMENTS)
    return 1.0, *counts, float(late), _number(row.get("polarity")), _number(row.get("confidence"))


def _number(value: float | None) -> float:
    return 0.0 if value is None or math.isnan(value) else value


def _keys(entity: str, row: Row, cohort_of: CohortOf) -> Iterator[Place]:
    if (arrival := row["arrival_time"]) is not None:
        reason = _known(row["reason"]) if entity == REJECTED else ""
        yield gold_quality_by_minute.NAME, _minute(arrival), entity, reason
    event = row["event_time"]
    if event is None or entity in (REJECTED, silver_user_changes.ENTITY, silver_deletions.ENTITY):
        return
    if entity == silver_interactions.ENTITY:
        yield gold_engagement_by_minute.NAME, _minute(event), _known(row["action"]), ""
        return
    minute, hour = _minute(event), event.replace(minute=0, second=0, microsecond=0)
    yield gold_language_by_hour.NAME, hour, _known(row["language"]), entity
    if row["sentiment"] is None:
        return
    yield gold_sentiment_by_minute.NAME, minute, entity, ""
    yield gold_sentiment_by_model.NAME, hour, _known(row["model_version"]), entity
    yield gold_sentiment_by_cohort.NAME, hour, *cohort_of(row)
    for topic in topics(row["text"] or ""):
        yield gold_sentiment_by_topic.NAME, minute, topic, entity
    for term in terms(row["text"] or ""):
        yield gold_terms_by_hour.NAME, hour, term, ""


def _rows(name: str, sums: pa.Table) -> pa.Table:
    if name != gold_sentiment_by_cohort.NAME:
        return ROWS[name](sums)
    own = of_table(sums, name)
    return TABLES[name].rows({"hour": own["time"], "location": own["key1"], "age_band": own["key2"], **measures(own)})


def _known(value: str | None) -> str:
    return UNKNOWN if value is None else value


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
