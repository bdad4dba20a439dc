"""Follows the rows appended to a table, batch by batch, through the table's log: without Spark or a checkpoint.

The caller keeps the position: the last version that it is done with. Whoever has none, or one whose versions the log no
longer holds, gets the newest snapshot first, in parts. Guarantee: asked again with the same position, a follower gives
rows that begin at the same version, so that a caller that recognises rows by key loses and doubles nothing.

Versions that only compact are passed over, and so are those that change rows (erasure, rescoring): their rows were
appended before. Not for readers that must see each row only once: a new snapshot brings a table's rows again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

import pyarrow as pa

from streaming.delta.log import DataFile, read_entry
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings

log = logging.getLogger(__name__)


class Bounds(NamedTuple):
    """How much one batch brings at most; one version is never divided, nor is one file."""

    rows: int = 500_000
    size: int = 256 * 1024 * 1024  # bytes of Parquet


class Taken(NamedTuple):
    """One batch: its files, the version that it reaches, and the part of that version's snapshot that it is.

    `part` is None for a batch of versions after the caller's position. `complete`: the version is done with the batch.
    """

    files: tuple[DataFile, ...]
    version: int
    part: int | None = None
    complete: bool = True


class Follower:
    """Follows the table `name`. Raises TableNotFoundError when it is made, if there is no table yet."""

    def __init__(self, settings: Settings, name: str, bounds: Bounds) -> None:
        table = open_table(settings, name)
        self.table_id = str(table.metadata().id)
        self.folder = settings.table(name)
        self._settings = settings
        self._name = name
        self._bounds = bounds
        self._files = Files(settings)
        self._newest = table.version()
        self._snapshot: tuple[int, list[tuple[DataFile, ...]]] | None = None

    def after(self, version: int | None) -> int | None:
        """The position to begin with: `version`, or None if the log no longer holds what came after it."""
        if version is None or version >= self._newest or read_entry(self._files, self.folder, version + 1) is not None:
            return version
        log.warning("%s: the log no longer holds version %d; loading the newest snapshot", self._name, version + 1)
        return None

    def versions(self, since: int) -> Taken | None:
        """The next rows appended after version `since`; None if no version came after it."""
        taken: list[DataFile] = []
        version = since
        while (entry := read_entry(self._files, self.folder, version + 1)) is not None:
            if taken and not self._fit([*taken, *entry.appended]):
                break
            taken += entry.appended
            version += 1
        return Taken(tuple(taken), version) if version > since else None

    def newest(self) -> int:
        """The version of the snapshot that `part` divides; the newest one, from the first call on."""
        return self._divided()[0]

    def part(self, number: int) -> Taken:
        """One part of the snapshot, from 0 on."""
        version, parts = self._divided()
        return Taken(parts[number], version, number, complete=number == len(parts) - 1)

    def _divided(self) -> tuple[int, list[tuple[DataFile, ...]]]:
        if self._snapshot is None:
            table = open_table(self._settings, self._name)
            adds = pa.table(table.get_add_actions()).select(["path", "num_records", "size_bytes"]).to_pylist()
            files = [DataFile(unquote(add["path"]), add["num_records"] or 0, add["size_bytes"]) for add in adds]
            self._snapshot = (table.version(), list(self._parts(sorted(files))) or [()])
        return self._snapshot

    def _parts(self, files: list[DataFile]) -> Iterator[tuple[DataFile, ...]]:
        part: list[DataFile] = []
        for file in files:
            if part and not self._fit([*part, file]):
                yield tuple(part)
                part = []
            part.append(file)
        if part:
            yield tuple(part)

    def _fit(self, files: list[DataFile]) -> bool:
        rows, size = sum(file.rows for file in files), sum(file.size for file in files)
        return rows <= self._bounds.rows and size <= self._bounds.size
