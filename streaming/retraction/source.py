"""The rows that a table of silver took in since the last round, batch by batch."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pyarrow as pa

from streaming.delta.follower import Bounds, Follower, Taken
from streaming.delta.lake_files import LakeFiles
from streaming.errors import DataFilesGone
from streaming.files import Files
from streaming.settings import Settings

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Rows of one round, and what the source must be told once they are done with."""

    rows: pa.Table
    taken: Taken


class Source:
    """Follows one table. Rows may come again after a crash or a lost position, and never in part.

    Raises TableNotFoundError when it is made, if there is no table yet, and OSError if the storage fails.
    """

    def __init__(self, settings: Settings, name: str, columns: tuple[str, ...], bounds: Bounds) -> None:
        """`columns`: those of the rows."""
        self.name = name
        self._settings = settings
        self._columns = columns
        self._bounds = bounds
        self._storage = Files(settings)
        self._follower = Follower(settings, name, bounds)
        self._version: int | None = None
        self._part = 0

    @property
    def table_id(self) -> str:
        """Delta's id of the table."""
        return self._follower.table_id

    @property
    def mark(self) -> str:
        """The name under which a commit of this hop says how far it has read the table."""
        return f"retract/{self.table_id}"

    @property
    def marks(self) -> dict[str, int]:
        """What a commit must say: the version that is done; nothing in the middle of a snapshot."""
        return {} if self._version is None else {self.mark: self._version}

    @property
    def unread_from(self) -> int:
        """The first version that is not done; 0 while a snapshot is read."""
        return 0 if self._version is None else self._version + 1

    def begin_after(self, version: int | None) -> None:
        """Go on after `version`; from the newest snapshot if it is None, or no longer in the log."""
        self._version = self._follower.after(version)

    def next(self) -> Batch | None:
        """The next rows; None if no version came."""
        taken = self._follower.part(self._part) if self._version is None else self._follower.versions(self._version)
        if taken is None:
            return None
        files = LakeFiles(self.name, self._follower.folder, self._storage, taken.files)
        try:
            parts = list(files.batches(self._columns))
        except DataFilesGone as error:
            log.warning("%s; starting from there", error)
            self._follower = Follower(self._settings, self.name, self._bounds)
            self._version, self._part = None, 0
            return self.next()
        return Batch(pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({}), taken)

    def done(self, batch: Batch) -> None:
        """The rows are done with."""
        if batch.taken.complete:
            self._version = batch.taken.version
        else:
            self._part += 1
