"""How far the stream's queries have read a table, by their checkpoints: what they still need must not be vacuumed.

A query reads the files that each version added, in order, even where a later version removed them again. So after a
change of rows, two things must wait until every query is past it: the removal of the old files, and the change of the
next layer, which the query may still be filling with what was changed here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from deltalake import DeltaTable

from streaming.delta.tables import open_table
from streaming.operations.command import Progress
from streaming.operations.files import Files
from streaming.settings import Settings

POLL_S = 0.5


def positions(settings: Settings, table: DeltaTable) -> dict[str, int]:
    """By query: the first version of `table` that it has not finished. Queries that never read it are left out."""
    files = Files(settings)
    identity = str(table.metadata().id)
    found = {}
    for query in files.folders(settings.checkpoints):
        folder = settings.checkpoint(query)
        planned = _numbers(files, f"{folder}/offsets")
        if not planned:
            continue
        done = planned & _numbers(files, f"{folder}/commits")
        sources = list(_sources(files, f"{folder}/offsets/{max(done or planned)}"))
        reads = [source for source in sources if source.get("reservoirId") == identity]
        if reads:
            found[query] = _position(reads[0]) if done else 0
    return found


def _position(offset: dict[str, Any]) -> int:
    # Within its first snapshot a query reads files of all versions before, in no order that could be told.
    return 0 if offset.get("isStartingVersion") else int(offset["reservoirVersion"])


def behind(settings: Settings, name: str, version: int) -> list[str]:
    """The queries that still have appended rows of versions before `version` to read."""
    found = positions(settings, open_table(settings, name))
    return [query for query, position in found.items() if _appends(settings, name, position, version)]


def wait(settings: Settings, name: str, version: int, patience: float, progress: Progress) -> list[str]:
    """Wait until no query is behind `version`; returns those that are when `patience` seconds are over."""
    end = time.monotonic() + patience
    told = False
    while late := behind(settings, name, version):
        if time.monotonic() >= end:
            return late
        if not told:
            progress(f"waiting for {', '.join(late)} to read {name} up to version {version}")
            told = True
        time.sleep(POLL_S)
    return []


def _appends(settings: Settings, name: str, first: int, before: int) -> bool:
    """Whether any version from `first` on and before `before` appended rows; others are skipped by every reader."""
    files = Files(settings)
    return any(
        _is_append(files.read(f"{settings.table(name)}/_delta_log/{version:020d}.json"))
        for version in range(first, before)
    )


def _is_append(entry: bytes | None) -> bool:
    # An entry that has expired can be read by nobody.
    actions = [json.loads(line) for line in (entry or b"").splitlines() if line]
    added, removed = (any(action.get(kind, {}).get("dataChange") for action in actions) for kind in ("add", "remove"))
    return added and not removed


def _sources(files: Files, path: str) -> Iterator[dict[str, Any]]:
    """The offset of each source: Spark writes a version, a line of metadata, then a line for each source."""
    for line in (files.read(path) or b"").splitlines()[2:]:
        if line.startswith(b"{"):
            yield json.loads(line)


def _numbers(files: Files, folder: str) -> set[int]:
    return {int(name) for name, _ in files.below(folder) if name.isdigit()}
