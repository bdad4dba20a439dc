"""The rows that each version of a Delta table appended, read without Spark and without a checkpoint of its own.

Each version's log entry names the files that it added; those are read and no others. Versions that rewrote rows
(erasure, compaction, rescoring) appended nothing. A file that was vacuumed meanwhile is left out, and the log says so:
this is for readers that take a sample, not for those that must see every row.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler

from streaming.delta.tables import location, open_table, storage_options
from streaming.settings import Settings

log = logging.getLogger(__name__)


class Appended:
    """What versions of one table appended. Raises what the storage raises when it cannot be reached."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name

    def newest(self) -> int:
        """The table's newest version; raises deltalake.exceptions.TableNotFoundError if there is no table."""
        return open_table(self._settings, self._name).version()

    def reach(self, since: int, most: int) -> int:
        """The last version after `since` up to which at most `most` rows were appended; one version at least.

        `since` itself where nothing came after it, or where the log no longer knows what did.
        """
        rows = 0
        version = since
        while (actions := self._entry(version + 1)) is not None:
            rows += sum(json.loads(each.get("stats") or "{}").get("numRecords", 0) for each in _appends(actions))
            if rows > most and version > since:
                break
            version += 1
        return version

    def rows(self, since: int, until: int, schema: pa.Schema) -> pa.Table:
        """The columns of `schema` of what the versions after `since` up to `until` appended."""
        parts = [schema.empty_table()]
        for version in range(since + 1, until + 1):
            for each in _appends(self._entry(version) or []):
                try:
                    with self._files.open_input_file(unquote(each["path"])) as file:
                        parts.append(pq.read_table(file, columns=schema.names).select(schema.names).cast(schema))
                except FileNotFoundError:
                    log.info("%s: a file of version %d is gone, its rows are left out", self._name, version)
        return pa.concat_tables(parts)

    @cached_property
    def _files(self) -> pa_fs.PyFileSystem:
        uri = location(self._settings.table(self._name))
        return pa_fs.PyFileSystem(DeltaStorageHandler(uri, storage_options(self._settings)))

    def _entry(self, version: int) -> list[dict[str, Any]] | None:
        try:
            with self._files.open_input_stream(f"_delta_log/{version:020d}.json", compression=None) as stream:
                return [json.loads(line) for line in stream.read().splitlines() if line]
        except FileNotFoundError:
            return None


def _appends(actions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The files that a version added; none where it took rows away as well, for then it rewrote."""
    added, removed = (
        [action[kind] for action in actions if action.get(kind, {}).get("dataChange")] for kind in ("add", "remove")
    )
    return [] if removed else added
