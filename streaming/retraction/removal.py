"""Chooses the rows of silver that are to go, by the index's places, as changes for the journal.

Only the days and moments of arrival that the index names are read. A day's moments are merged into at most
MAX_RANGES ranges, so that the condition stays short; rows of other items within a range are told apart by their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import journal
from streaming.corrections.deletions import deletion
from streaming.corrections.journal import Change, Choose
from streaming.delta.tables import read
from streaming.retraction.items import KINDS, Hashes, hashed
from streaming.settings import Settings
from streaming.tables import silver_labels
from streaming.tables.columns import PARTITIONS

MAX_RANGES = 40
# Rows of one commit: bounds the memory, and the work that a conflict with another commit repeats.
COMMIT_ROWS = 5_000
# Columns that neither gold nor the history of a text needs.
LEFT_OUT = ("raw",)

# From the rows of some items to those among them that go.
Among = Callable[[pa.Table], pa.Table]


def removal(kind: str, places: pa.Table, note: Callable[[pa.Table], None], among: Among) -> Choose:
    """Chooses rows of the items that `places` (of the index) names, to delete them; `note` is told of them before.

    `among`: from all rows of these items to those that go.
    """
    items = np.unique(places["item"].to_numpy())
    where = condition(places)

    def choose(table: DeltaTable) -> Change | None:
        found = _of(table, kind, items, where)
        old = among(found).slice(0, COMMIT_ROWS)
        if not old.num_rows:
            return None
        note(old)
        ids = ", ".join(quoted(each) for each in old["event_id"].to_pylist())
        exactly = f"({condition(old)}) AND event_id IN ({ids})"
        return Change(old, None, old.select(["event_id", *PARTITIONS]), where=exactly)

    return choose


def _of(table: DeltaTable, kind: str, items: Hashes, where: str) -> pa.Table:
    columns = [field.name for field in table.schema().fields if field.name not in LEFT_OUT]
    rows = read(table, columns, where)
    found = np.isin(hashed(kind, rows[KINDS[kind].column].to_pylist()), items)
    return rows.filter(pa.array(found, pa.bool_()))


def condition(places: pa.Table) -> str:
    """SQL: the days and the moments of arrival of `places`, made of whole numbers and times alone."""
    days = places.group_by(list(PARTITIONS)).aggregate([("arrival_time", "distinct")]).to_pylist()
    return " OR ".join(f"({_of_day(day)} AND ({_at(day['arrival_time_distinct'])}))" for day in days)


def _of_day(day: Mapping[str, Any]) -> str:
    return " AND ".join(f"{name} = {int(day[name])}" for name in PARTITIONS)


def _at(times: list[datetime | None]) -> str:
    known = sorted(time for time in times if time is not None)
    ranges = [
        f"(arrival_time >= '{first.isoformat()}' AND arrival_time <= '{last.isoformat()}')"
        for first, last in ranged(known, MAX_RANGES)
    ]
    return " OR ".join(ranges if len(known) == len(times) else [*ranges, "arrival_time IS NULL"])


def ranged(times: list[datetime], most: int) -> Iterator[tuple[datetime, datetime]]:
    """At most `most` ranges that hold these ascending times, with as wide gaps between them as there can be."""
    if not times:
        return
    gaps = sorted(((after - before, place) for place, (before, after) in enumerate(pairwise(times))), reverse=True)
    ends = sorted(place for _, place in gaps[: most - 1])
    for first, last in zip([0, *(place + 1 for place in ends)], [*ends, len(times) - 1], strict=True):
        yield times[first], times[last]


def quoted(text: str) -> str:
    """An id as SQL literal. It comes from outside: the quote is the one character that could end a literal."""
    return "'" + text.replace("'", "''") + "'"


def without_labels(settings: Settings, operation: str, events: pa.ChunkedArray) -> None:
    """Delete the labels that people gave to these events: silver/labels holds the texts as well."""
    ids = events.combine_chunks()
    choose = partial(deletion, key=("event_id",), wanted=lambda rows: pc.is_in(rows["event_id"], value_set=ids))
    with suppress(TableNotFoundError):  # nobody has labelled anything yet
        journal.apply(settings, operation, silver_labels.NAME, choose)
