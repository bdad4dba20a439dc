"""Reads silver's newly scored texts for the detection of incidents, without a Spark job.

The first call returns the texts of the last WARM_UP of event time, from which a job that restarts learns what is usual.
Each later call returns the rows that were appended since the previous call. After a start a row may be returned twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake.exceptions import TableNotFoundError

from streaming.alerts.detection.text import SENTIMENTS, Text
from streaming.delta.log import AppendedRows
from streaming.delta.tables import chunks, open_table
from streaming.settings import Settings
from streaming.sinks.authors import Authors
from streaming.tables import silver_comments, silver_posts
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort
from streaming.tables.keyed_table import TIMESTAMP

SOURCES = {silver_posts.NAME: silver_posts.ENTITY, silver_comments.NAME: silver_comments.ENTITY}
WARM_UP = timedelta(minutes=20)
MAX_ROWS = 100_000
# To look authors up means to read the whole table of users, so it is not done in every round.
LOOK_UP_EVERY_S = 60.0
MAX_AUTHORS = 200_000
READ = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_time", TIMESTAMP),
        ("user_id", pa.string()),
        ("text", pa.string()),
        ("sentiment", pa.string()),
        ("model_version", pa.string()),
    ]
)


class SilverTexts:
    """The new texts of silver/posts and silver/comments, for one reader."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sources = {name: AppendedRows(settings, name) for name in SOURCES}
        self._since: dict[str, int] = {}
        self._authors = Authors(settings)
        self._cohorts: dict[str, Cohort] = {}
        self._missing: set[str] = set()
        self._look_up_at = 0.0

    def new(self) -> list[Text]:
        """The texts since the last call, in order of event time; none while silver has no tables."""
        found = [row for name in SOURCES for row in self._rows(name)]
        self._look_up({row["user_id"] for row in found})
        return sorted((self._text(row) for row in found), key=lambda text: text.at)

    def _rows(self, name: str) -> Iterable[dict[str, Any]]:
        source = self._sources[name]
        try:
            if name not in self._since:
                self._since[name] = source.newest()
                now = datetime.now(UTC)
                return _stored(self._settings, name, now - WARM_UP, now + WARM_UP)
            until = source.reach(self._since[name], MAX_ROWS)
        except TableNotFoundError:
            return []
        rows = source.rows(self._since[name], until, READ)
        self._since[name] = until
        return _marked(name, rows)

    def _look_up(self, users: set[str]) -> None:
        """Learn the cohorts of new authors, at most every LOOK_UP_EVERY_S: until then they count as unknown."""
        self._missing |= users - self._cohorts.keys()
        if not self._missing or time.monotonic() < self._look_up_at:
            return
        self._look_up_at = time.monotonic() + LOOK_UP_EVERY_S
        if len(self._cohorts) > MAX_AUTHORS:
            self._cohorts.clear()
        try:
            found = self._authors.cohorts(self._missing)
        except TableNotFoundError:
            return
        self._cohorts |= {user: cohort for user, cohort in found.items() if cohort != NO_COHORT}
        self._missing.clear()

    def _text(self, row: dict[str, Any]) -> Text:
        return _text(row, self._cohorts.get(row["user_id"], NO_COHORT))


def between(settings: Settings, since: datetime, until: datetime) -> list[Text]:
    """The scored texts of a span of event time, sorted by it, all in memory; raises TableNotFoundError."""
    rows = [row for name in SOURCES for row in _stored(settings, name, since, until)]
    cohorts = Authors(settings).cohorts({row["user_id"] for row in rows})
    return sorted((_text(row, cohorts.get(row["user_id"], NO_COHORT)) for row in rows), key=lambda text: text.at)


def _stored(settings: Settings, name: str, since: datetime, until: datetime) -> list[dict[str, Any]]:
    days = [since.date() + timedelta(days=day) for day in range((until.date() - since.date()).days + 1)]
    parts = " OR ".join(f"(year = {day.year} AND month = {day.month} AND day = {day.day})" for day in days)
    predicate = f"({parts}) AND event_time >= '{since.isoformat()}' AND event_time <= '{until.isoformat()}'"
    found = chunks(open_table(settings, name), READ.names, predicate)
    return [row for rows in found for row in _marked(name, rows)]


def _text(row: dict[str, Any], cohort: Cohort) -> Text:
    return Text(
        row["event_id"],
        row["event_time"].timestamp(),
        row["entity"],
        row["user_id"],
        row["text"],
        SENTIMENTS.index(row["sentiment"]),
        row["model_version"],
        *cohort,
    )


def _marked(name: str, rows: pa.Table) -> list[dict[str, Any]]:
    """The rows that a model has scored, with their entity."""
    return [row | {"entity": SOURCES[name]} for row in rows.to_pylist() if row["sentiment"] in SENTIMENTS]
