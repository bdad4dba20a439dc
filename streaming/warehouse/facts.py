"""The warehouse's facts and user dimension follow silver: its files, by the versions of its tables.

Guarantee: exactly once. A load writes the version that it reaches to the warehouse's ledger, in the transaction of its
rows. Without a ledger the newest snapshot is loaded, which doubles nothing, since facts are keyed by event id. The same
happens where versions are no longer in the log, or files were vacuumed before they were loaded.

A row that the warehouse keeps refusing is left out (see left_out.py).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from deltalake.exceptions import TableNotFoundError

from streaming import batch_record, commit_points
from streaming.checkpoints import positions
from streaming.delta.follower import Bounds, Follower, Taken
from streaming.delta.lake_files import LakeFiles
from streaming.errors import DataFilesGone
from streaming.events.records import PEOPLE
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import (
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_user_changes,
)
from streaming.warehouse.base import Load, Warehouse
from streaming.warehouse.left_out import LeavesOut

log = logging.getLogger(__name__)

TARGETS = {
    "fact_post": silver_posts.NAME,
    "fact_comment": silver_comments.NAME,
    "fact_interaction": silver_interactions.NAME,
    "dim_user": silver_user_changes.NAME,
}


def identity(target: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What identifies a fact in silver/quarantined, and by which an erasure finds it."""
    event = {"table_name": TARGETS[target], "key": row["event_id"], "event_id": row["event_id"]}
    return {**event, "arrival_time": row["arrival_time"], **{name: row.get(name) for name in PEOPLE}}


def _kept() -> None:
    commit_points.reached("load.quarantined")


class Loader:
    """One round of loading: the next batch of every table in one transaction. Called by one thread."""

    def __init__(self, settings: Settings, warehouse: Warehouse, bounds: Bounds | None = None) -> None:
        """`bounds` limit what one round loads of each table; they matter when it catches up."""
        self._settings = settings
        self._warehouse = warehouse
        self._leaves_out = LeavesOut(settings, warehouse, positions.LOAD, identity, _kept)
        self._bounds = bounds or Bounds()
        self._tables: dict[str, _Table] = {}
        self._noted: Mapping[str, int] = {}

    def __call__(self) -> Mapping[str, Any]:
        """Load what came next, if anything did; safe to repeat. Counts the rows, and says whether rows are left."""
        started_at = datetime.now(UTC)
        tables = [table for target in TARGETS if (table := self._opened(target)) is not None]
        self._note()
        taken = [(table, batch) for table in tables if (batch := table.next()) is not None]
        loads = [load for table, batch in taken for load in table.loads(batch, started_at)]
        if loads:
            try:
                self._leaves_out.commit(loads)
            except DataFilesGone as error:
                log.warning("%s; starting from there", error)
                self._tables = {name: table for name, table in self._tables.items() if table.name != error.table}
                self._tables |= {table.target: table.from_snapshot() for table in tables if table.name == error.table}
                return {"numInputRows": 0}
            commit_points.reached("load.committed")
        for table, batch in taken:
            table.done(batch)
            batch_record.read(table.name, batch.version)
            batch_record.wrote(f"dw.{table.target}")
        self._note()
        return {"numInputRows": sum(load.rows for load in loads)}

    def _opened(self, target: str) -> _Table | None:
        if target not in self._tables:
            try:
                self._tables[target] = _Table(self._settings, self._warehouse, target, self._bounds)
            except TableNotFoundError:
                return None
        return self._tables[target]

    def _note(self) -> None:
        """Write down how far each table is read, for operations that wait for readers and for the audit."""
        reached = {table.table_id: table.unread_from for table in self._tables.values()}
        if reached != self._noted:
            positions.write(self._settings, positions.LOAD, positions.Position(reached))
            self._noted = reached


class _Table:
    """One table of silver and how far it is loaded: up to a version, or up to a part of a snapshot."""

    def __init__(
        self, settings: Settings, warehouse: Warehouse, target: str, bounds: Bounds, *, ignore_ledger: bool = False
    ) -> None:
        self.target = target
        self.name = TARGETS[target]
        self._how = (settings, warehouse, target, bounds)
        self._follower = Follower(settings, self.name, bounds)
        self._storage = Files(settings)
        # The table's id is in the name: a lake that was made anew starts from version 0 again.
        self._query = f"load/{self.name.removeprefix('silver/')}/{self.table_id}"
        loaded = None if ignore_ledger else warehouse.last_batch(self._query)
        self._version = self._follower.after(loaded)
        self._part = 0
        if self._version is None:
            loaded_part = warehouse.last_batch(self._snapshot_query(self._follower.newest()))
            self._part = 0 if loaded_part is None else loaded_part + 1

    @property
    def table_id(self) -> str:
        """Delta's id of the table."""
        return self._follower.table_id

    @property
    def unread_from(self) -> int:
        """The first version that is not loaded yet; 0 while a snapshot is."""
        return 0 if self._version is None else self._version + 1

    def from_snapshot(self) -> _Table:
        """The same table, to be loaded from its newest snapshot."""
        settings, warehouse, target, bounds = self._how
        return _Table(settings, warehouse, target, bounds, ignore_ledger=True)

    def next(self) -> Taken | None:
        """What to load next; None if nothing is new."""
        return self._follower.part(self._part) if self._version is None else self._follower.versions(self._version)

    def loads(self, batch: Taken, started_at: datetime) -> list[Load]:
        """The batch as loads; none where it has no rows and the ledger need not know."""
        rows = LakeFiles(self.name, self._follower.folder, self._storage, batch.files)
        if batch.part is None:
            return [Load(self._query, batch.version, {self.target: rows}, started_at)] if batch.files else []
        loads = [Load(self._snapshot_query(batch.version), batch.part, {self.target: rows}, started_at)]
        if batch.complete:
            nothing = LakeFiles(self.name, self._follower.folder, self._storage, ())
            loads.append(Load(self._query, batch.version, {self.target: nothing}, started_at))
        return loads

    def done(self, batch: Taken) -> None:
        """The warehouse holds the batch."""
        if batch.complete:
            self._version = batch.version
        else:
            self._part += 1

    def _snapshot_query(self, version: int) -> str:
        return f"{self._query}/snapshot-{version}"
