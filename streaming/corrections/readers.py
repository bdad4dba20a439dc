"""How far the job's hops have read a table, by their checkpoints.

A query reads the files that each version added, in order, even if a later version removed them again. So after a change
of rows, two things must wait until every query has read past it: the deletion of the old files, and the change of the
next layer, to which a query may still add the old rows.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from deltalake import DeltaTable

from streaming.checkpoints import positions as written
from streaming.checkpoints.offsets import batches, plan_before
from streaming.delta.log import READ_ENTRIES, read_entry
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings

POLL_S = 0.5


class Unread(NamedTuple):
    """A query's first version of a table that it has not read and that appended rows, and when that was written."""

    query: str
    version: int
    since: datetime


def positions(settings: Settings, table: DeltaTable) -> dict[str, int]:
    """Query -> the first version of `table` that it has not finished; without queries that never read the table."""
    return all_positions(settings).get(str(table.metadata().id), {})


def all_positions(settings: Settings) -> dict[str, dict[str, int]]:
    """The same for every table that a query has read, by its Delta id; each checkpoint is read once."""
    files = Files(settings)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for hop in written.HOPS:
        for identity, unread in written.read(files, settings.checkpoints, hop).unread_from.items():
            found[identity][hop] = unread
    for query in files.folders(settings.checkpoints):
        if query in written.HOPS:  # what Spark left there when it ran such a hop says nothing
            continue
        checkpoint = settings.checkpoint(query)
        planned, done = batches(files, checkpoint)
        # Of a damaged checkpoint the newest plan that is left: the query has read at least so far.
        plan = plan_before(files, checkpoint, max(done or planned) + 1) if planned else None
        for each in plan.delta_offsets() if plan else ():
            found[each.table_id].setdefault(query, each.version if done and not each.in_snapshot else 0)
    return found


def behind(settings: Settings, name: str, version: int) -> list[str]:
    """The queries that still have appended rows of versions before `version` to read."""
    found = positions(settings, open_table(settings, name))
    return [query for query, position in found.items() if _appends(settings, name, position, version)]


def wait(settings: Settings, name: str, version: int, patience: float, progress: Callable[[str], None]) -> list[str]:
    """Wait until no query is behind `version`; returns those that still are after `patience` seconds."""
    end = time.monotonic() + patience
    reported = False
    while late := behind(settings, name, version):
        if time.monotonic() >= end:
            return late
        if not reported:
            progress(f"waiting for {', '.join(late)} to read {name} up to version {version}")
            reported = True
        time.sleep(POLL_S)
    return []


def unread(settings: Settings, table: DeltaTable, name: str) -> list[Unread]:
    """The queries that have rows of `table` still to read, and can: not those whose first version has left the log."""
    files, last = Files(settings), table.version() + 1
    found = []
    for query, position in positions(settings, table).items():
        # At 0 a query reads a whole snapshot, whatever the log still holds.
        if 0 < position < last and read_entry(files, settings.table(name), position) is None:
            continue
        first = next(_appending(settings, name, position, last), None)
        if first is not None:
            found.append(Unread(query, first, _written(settings, name, first)))
    return found


def _appends(settings: Settings, name: str, first: int, before: int) -> bool:
    """Whether any version from `first` on and before `before` appended rows; readers skip all others."""
    return next(_appending(settings, name, first, before), None) is not None


def _appending(settings: Settings, name: str, first: int, before: int) -> Iterator[int]:
    files = Files(settings)
    for version in range(first, before):
        entry = read_entry(files, settings.table(name), version)
        if entry and entry.appended:  # no reader can read an entry that has expired
            yield version


def _written(settings: Settings, name: str, version: int) -> datetime:
    folders = (f"{settings.table(name)}/{folder}" for folder in ("_delta_log", READ_ENTRIES))
    found = (each for folder in folders for each in Files(settings).below(folder))
    return next(datetime.fromtimestamp(each.modified, UTC) for each in found if each.name == f"{version:020d}.json")
