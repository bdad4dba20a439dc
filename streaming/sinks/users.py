"""silver/users as a sink: the newest profile of each user, merged from what silver/user_changes gained.

Guarantee: exactly once. The commit of a MERGE carries the version of silver/user_changes that it reaches; and since a
profile never gives way to an older one, rows that are taken again change nothing. They are after a restart, where a
MERGE had nothing to change: delta-rs makes no commit then.

A MERGE reads the whole table, whether it changes one profile or a thousand: 2 s of CPU beside a million. So the sink
rests in proportion to what its last MERGE took. It never costs more than a tenth of a core, and with more users a
profile gets here later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
from deltalake.exceptions import TableNotFoundError

from streaming import batch_record, commit_points
from streaming.checkpoints import positions
from streaming.delta.follower import Bounds, Follower, Taken
from streaming.delta.lake_files import LakeFiles
from streaming.delta.merge import KeyedMerge
from streaming.errors import DataFilesGone
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import silver_user_changes, silver_users
from streaming.tables.keyed_table import KeyedTable

log = logging.getLogger(__name__)

REST = 9.0
# An erasure waits two minutes for the hop.
LONGEST_REST_S = 60.0
# Changes that one MERGE takes when it catches up; they are in memory.
BOUNDS = Bounds(rows=100_000, size=64 * 1024 * 1024)
CHANGES = [name for name in silver_users.TABLE.schema.names if name not in silver_users.TABLE.partitions]

Connect = Callable[[KeyedTable, str], KeyedMerge]


class Users:
    """One round of the hop upsert; called by one thread. `connect` opens a keyed table for a query id."""

    def __init__(
        self, settings: Settings, connect: Connect, clock: Callable[[], float] = time.monotonic, bounds: Bounds = BOUNDS
    ) -> None:
        """`clock`: seconds that never jump."""
        self._settings = settings
        self._connect = connect
        self._clock = clock
        self._bounds = bounds
        self._rested = clock()
        self._changes: _Changes | None = None

    def __call__(self) -> Mapping[str, Any]:
        """Merge what came next, unless the sink rests; counts the profile changes. Safe to repeat."""
        began = self._clock()
        if began < self._rested:
            return {"numInputRows": 0}
        rows = self.merge()
        took = self._clock() - began
        self._rested = self._clock() + min(LONGEST_REST_S, REST * took)
        return {"numInputRows": rows}

    def merge(self) -> int:
        """Merge what came next without a rest; returns how many changes that were."""
        if self._changes is None:
            try:
                self._changes = _Changes(self._settings, self._connect, self._bounds)
            except TableNotFoundError:
                return 0
        try:
            return self._changes.merge()
        except DataFilesGone as error:
            log.warning("%s; starting from there", error)
            self._changes = _Changes(self._settings, self._connect, self._bounds, from_snapshot=True)
            return 0


class _Changes:
    """How far silver/user_changes is merged: up to a version, or up to a part of a snapshot."""

    def __init__(self, settings: Settings, connect: Connect, bounds: Bounds, *, from_snapshot: bool = False) -> None:
        self._settings = settings
        self._connect = connect
        self._follower = Follower(settings, silver_user_changes.NAME, bounds)
        self._query = silver_users.follower(self._follower.table_id)
        self._users = connect(silver_users.TABLE, self._query)
        self._version = None if from_snapshot else self._follower.after(self._users.last_batch)
        self._part = 0 if self._version is not None else _after(self._of_snapshot(self._follower.newest()).last_batch)
        self._note()

    def merge(self) -> int:
        """Merge the next batch, if there is one; returns how many changes it had. Raises DataFilesGone."""
        taken = self._follower.part(self._part) if self._version is None else self._follower.versions(self._version)
        if taken is None:
            return 0
        changes = self._read(taken)
        if changes.num_rows:
            batch = taken.version if taken.complete else self._part
            sink = self._users if taken.complete else self._of_snapshot(taken.version)
            sink.apply(silver_users.latest(changes), batch)
            batch_record.read(silver_user_changes.NAME, taken.version)
            commit_points.reached("upsert.merged")
        if taken.complete:
            self._version = taken.version
        else:
            self._part += 1
        self._note()
        return int(changes.num_rows)

    def _of_snapshot(self, version: int) -> KeyedMerge:
        """The sink of a snapshot's parts, but for the last one: they are batches of a query of their own."""
        return self._connect(silver_users.TABLE, f"{self._query}/snapshot-{version}")

    def _read(self, taken: Taken) -> pa.Table:
        files = LakeFiles(silver_user_changes.NAME, self._follower.folder, Files(self._settings), taken.files)
        schema = silver_users.TABLE.schema
        kinds = pa.schema([schema.field(name) for name in CHANGES])
        return pa.concat_tables([kinds.empty_table(), *(rows.cast(kinds) for rows in files.batches(CHANGES))])

    def _note(self) -> None:
        """Write down how far the table is read, for operations that wait for readers and for the audit."""
        unread = 0 if self._version is None else self._version + 1
        positions.write(self._settings, positions.UPSERT, positions.Position({self._follower.table_id: unread}))


def _after(batch: int | None) -> int:
    return 0 if batch is None else batch + 1
