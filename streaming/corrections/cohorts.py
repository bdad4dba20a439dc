"""Finds the cohort of gold/sentiment_by_cohort in which a post or comment was most likely counted.

The aggregate hop counts an event in the author's cohort of that moment and does not store the cohort. The best estimate
is the author's profile by the events that had arrived by then; if gold has no row for that cohort and hour, another
profile of the author. A wrong estimate moves a count between two cohorts of one hour; the hour's total stays right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from streaming.corrections.contributions import Row
from streaming.delta.tables import open_table, plain, read
from streaming.settings import Settings
from streaming.tables import silver_user_changes
from streaming.tables.gold_sentiment_by_cohort import (
    NAME,
    NO_COHORT,
    Cohort,
    cohort,
)
from streaming.tables.silver_users import recency

COLUMNS = ["user_id", "user_age", "user_location", "event_time", "arrival_time", "sequence_number", "record_index"]

Cell = tuple[datetime, str, str]


class Cohorts:
    """A function from a row to its cohort. `changes`: rows of silver/user_changes; `cells`: keys of the gold table."""

    def __init__(self, changes: Iterable[Row], cells: Iterable[Cell]) -> None:
        self._history: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._cells = frozenset(cells)
        for change in changes:
            self._history[change["user_id"]].append(dict(change))
        for states in self._history.values():
            states.sort(key=recency, reverse=True)

    def __call__(self, row: Row) -> Cohort:
        """The cohort in which this row of silver/posts or silver/comments was most likely counted."""
        hour = row["event_time"].replace(minute=0, second=0, microsecond=0)
        candidates = [*self._likely(row), NO_COHORT]
        return next((found for found in candidates if (hour, *found) in self._cells), candidates[0])

    def _likely(self, row: Row) -> Iterator[Cohort]:
        """The author's profiles: the newest that had arrived by then, then no profile, then later ones."""
        states = self._history.get(row["user_id"], [])
        known = [state for state in states if state["arrival_time"] <= row["arrival_time"]]
        if not known:
            yield NO_COHORT
        for state in (*known, *states):
            yield cohort(state["user_location"], state["user_age"])


def cohorts(settings: Settings, rows: pa.Table) -> Cohorts:
    """The cohorts of the authors of these rows of silver/posts or silver/comments."""
    users = pc.unique(rows["user_id"])
    hours = pc.unique(pc.floor_temporal(rows["event_time"], unit="hour"))
    return Cohorts(_changes(settings, users), _cells(settings, hours))


def _changes(settings: Settings, users: pa.Array) -> Iterator[Row]:
    for batch in open_table(settings, silver_user_changes.NAME).scan(columns=COLUMNS):
        rows = plain(pa.table(batch))
        yield from rows.filter(pc.is_in(rows["user_id"], value_set=users)).to_pylist()


def _cells(settings: Settings, hours: pa.Array) -> Iterator[Cell]:
    try:
        table = open_table(settings, NAME)
    except TableNotFoundError:
        return
    days = sorted({(hour.year, hour.month, hour.day) for hour in hours.to_pylist()})
    among = " OR ".join(f"(year = {year} AND month = {month} AND day = {day})" for year, month, day in days)
    cells = read(table, ["hour", "location", "age_band"], among)
    for row in cells.filter(pc.is_in(cells["hour"], value_set=hours)).to_pylist():
        yield row["hour"], row["location"], row["age_band"]
