"""One round of retraction: what came into silver since the last one, and what goes because of it.

A deletion is final and has no order: an item whose deletion came first goes as soon as it comes, and whatever comes
again under a deleted id goes too. Of the versions of a text only the newest stays, in whatever order they come. That
makes every step repeatable: what goes from silver once never comes back, so a round that a crash cut off finds less to
do, and the rest is done. In this order: the facts to delete are noted; the rows leave silver and their sums leave gold
(corrections/journal.py, exactly once); the ledger gets the deletions, the index the items, each with the versions that
were read, in one commit.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming import commit_points
from streaming.checkpoints import positions
from streaming.corrections import counting, journal
from streaming.delta.follower import Bounds
from streaming.retraction import edits, events
from streaming.retraction.facts import Facts
from streaming.retraction.index import ItemIndex
from streaming.retraction.items import KINDS, Hashes, hashed
from streaming.retraction.ledger import Ledger
from streaming.retraction.old_files import ReplacedFiles
from streaming.retraction.removal import COMMIT_ROWS, removal, without_labels
from streaming.retraction.source import Batch, Source
from streaming.settings import Settings
from streaming.tables import silver_deletions, silver_item_index
from streaming.tables.silver_retracted import REMOVED, REPEATED, SUPERSEDED, UNKNOWN

log = logging.getLogger(__name__)

PLACES = silver_item_index.SCHEMA
PLACE = PLACES.names
# A round with as many rows is followed by the next one at once: there is more, as after a first start.
BACKLOG_ROWS = 100_000
OPERATION = "retract"


@dataclass(frozen=True)
class Removal:
    """Rows to remove: the index's places of some items of a kind, and by item since when that is due.

    All rows of the items in `deleted` go, and of every other item all but the newest version.
    """

    kind: str
    places: pa.Table
    since: Mapping[int, datetime | None]
    deleted: frozenset[int]

    def divided(self, rows: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Rows of deleted items, and the other rows."""
        deleted = pa.array([item in self.deleted for item in _items(self.kind, rows)], pa.bool_())
        return rows.filter(deleted), rows.filter(pc.invert(deleted))

    def chosen(self, rows: pa.Table) -> pa.Table:
        """From all rows of the items to those that go."""
        deleted, others = self.divided(rows)
        return pa.concat_tables([deleted, edits.former(self.kind)(others)]) if others.num_rows else deleted


class Retractor:
    """Takes deleted items out of silver, gold and the warehouse. Called by one thread; a repeated round is safe."""

    def __init__(self, settings: Settings, pause: float = 0.0, bounds: Bounds | None = None) -> None:
        """Completes corrections that an ended process left. Raises TableNotFoundError if there is no silver yet.

        `pause`: seconds from the beginning of a round to that of the next. In between facts are deleted, and nothing is
        rewritten.
        """
        # One job at a time owns the lake, and this is its only thread that retracts.
        journal.discard(settings, OPERATION)
        self._settings = settings
        self._index, self._ledger, self._facts = ItemIndex(settings), Ledger(settings), Facts(settings)
        bounds = bounds or Bounds()
        self._sources = {kind: Source(settings, KINDS[kind].table, events.columns(kind), bounds) for kind in KINDS}
        self._deletions = Source(settings, silver_deletions.NAME, events.DELETION, bounds)
        for source in self._sources.values():
            source.begin_after(self._index.mark(source.mark))
        self._deletions.begin_after(self._ledger.mark(self._deletions.mark))
        self._replaced = ReplacedFiles(settings)
        self._pause, self._next = pause, 0.0
        self._waits = False
        self._written: positions.Position | None = None

    def __call__(self) -> Mapping[str, Any]:
        """Do what is due; returns how many events were read, and how many facts were deleted."""
        read = 0
        if (now := time.monotonic()) >= self._next and self._counted():
            read = self._round()
            self._next = now if read >= BACKLOG_ROWS else now + self._pause
        deleted = self._facts.delete()
        self._write_position()
        self._replaced.remove()
        return {"numInputRows": read, "factsDeleted": deleted}

    def _counted(self) -> bool:
        """Whether gold has counted silver for the first time; until then nothing may leave silver."""
        try:
            counting.check(self._settings, [kind.table for kind in KINDS.values()])
        except counting.NotCounted as waiting:
            if not self._waits:
                log.warning("deletions and edits wait: %s", waiting)
            self._waits = True
            return False
        self._waits = False
        return True

    def _round(self) -> int:
        """Read what came, and take out what goes; returns how many events were read."""
        items = {kind: batch for kind, source in self._sources.items() if (batch := source.next()) is not None}
        deletions = self._deletions.next()
        came = {kind: events.came(kind, items.get(kind)) for kind in KINDS}
        entries = [entry for kind in KINDS for entry in self._retract(kind, came[kind], deletions)]
        commit_points.reached("retract.corrected")
        if deletions is not None:
            self._deletions.done(deletions)
        self._ledger.add(entries, self._deletions.marks)
        commit_points.reached("retract.noted")
        for kind, batch in items.items():
            self._sources[kind].done(batch)
        marks = {name: version for source in self._sources.values() for name, version in source.marks.items()}
        self._index.add(pa.concat_tables(came.values()).select(PLACE), marks)
        self._write_position()
        return sum(batch.rows.num_rows for batch in (*items.values(), *([deletions] if deletions else [])))

    def _retract(self, kind: str, came: pa.Table, deletions: Batch | None) -> Iterator[dict[str, Any]]:
        """Take out what is deleted or superseded of one kind, in one change; yields the ledger's entries."""
        named = events.named(kind, deletions)
        targets, items = named["item"].to_numpy(), came["item"].to_numpy()
        meant = came.filter(pa.array(self._ledger.names(kind, items) | np.isin(items, targets), pa.bool_()))
        places = pa.concat_tables([meant.select(PLACE), self._index.places(kind, np.unique(targets))])
        since = events.since(places, named)
        edited = self._edited(kind, came, targets) if kind in edits.TEXTS else PLACES.empty_table()
        due = {**events.since(edited, events.NAMED.empty_table()), **since}
        removed = list(self._removed(Removal(kind, pa.concat_tables([places, edited]), due, frozenset(since))))
        counts = Counter(item for item, _ in removed if item in since)
        before = set(targets[self._ledger.names(kind, targets)].tolist())
        for row in named.to_pylist():
            item = row["item"]
            outcome = REPEATED if item in before else REMOVED if item in since else UNKNOWN
            before.add(item)
            yield _entry(kind, row, outcome, since.get(item), counts.pop(item, 0))
        for row in meant.to_pylist():
            if row["item"] not in before:
                yield _entry(kind, row, REMOVED, since[row["item"]], counts.pop(row["item"], 0))
        for item, event in removed:
            if item not in since:
                yield _entry(kind, {"event_id": event, "item": item}, SUPERSEDED, due[item], 1)

    def _edited(self, kind: str, came: pa.Table, targets: Hashes) -> pa.Table:
        """The places of all versions of the texts that came and were there already, unless they are deleted."""
        items = came["item"].to_numpy()
        values, counts = np.unique(items, return_counts=True)
        deleted = self._ledger.names(kind, values) | np.isin(values, targets)
        edited = values[(self._index.knows(kind, values) | (counts > 1)) & ~deleted]
        own = came.filter(pa.array(np.isin(items, edited), pa.bool_()))
        return pa.concat_tables([own.select(PLACE), self._index.places(kind, edited)])

    def _removed(self, what: Removal) -> Iterator[tuple[int, str]]:
        """Remove rows from silver and gold; yields (item, event id) of each."""
        if not what.places.num_rows:
            return
        operation, path, name = f"{OPERATION}-{uuid4().hex}", "", KINDS[what.kind].table

        def note(old: pa.Table) -> None:
            nonlocal path
            path = self._prepared(what, old, operation, path)

        choose = removal(what.kind, what.places, note, what.chosen)
        while (change := journal.apply(self._settings, operation, name, choose)) is not None:
            path = ""
            self._replaced.changed(name)
            yield from zip(_items(what.kind, change.old), change.old["event_id"].to_pylist(), strict=True)
            if change.old.num_rows < COMMIT_ROWS:
                return

    def _prepared(self, what: Removal, old: pa.Table, operation: str, path: str) -> str:
        """Do for rows what cannot be done any more once they have left silver; returns the note of their facts."""
        times = [what.since[item] for item in _items(what.kind, old)]
        noted = self._facts.note(what.kind, pa.table({"event_id": old["event_id"], "arrival_time": times}), path)
        deleted, former = what.divided(old)
        gone = old if self._settings.forget_edits else deleted
        if gone.num_rows:
            without_labels(self._settings, operation, gone["event_id"])
        if deleted.num_rows:
            edits.forget(self._settings, set(_items(what.kind, deleted)))
        if former.num_rows and not self._settings.forget_edits:
            edits.keep(self._settings, what.kind, former)
        return noted

    def _write_position(self) -> None:
        """Tell operations and the audit how far this hop is."""
        every = (*self._sources.values(), self._deletions)
        position = positions.Position({source.table_id: source.unread_from for source in every}, len(self._facts))
        if position != self._written:
            positions.write(self._settings, positions.RETRACT, position)
            self._written = position


def _items(kind: str, rows: pa.Table) -> list[int]:
    items: list[int] = hashed(kind, rows[KINDS[kind].column].to_pylist()).tolist()
    return items


def _entry(kind: str, row: Mapping[str, Any], outcome: str, since: datetime | None, rows: int) -> dict[str, Any]:
    due = since or row["arrival_time"]
    return {"event_id": row["event_id"], "kind": kind, "item": row["item"], "outcome": outcome, "rows": rows,
            "arrival_time": due}  # fmt: skip
