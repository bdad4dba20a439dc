"""The log of a Delta table: the only parser of its JSON, and the rows that each version appended.

Version N of a table is the file `_delta_log/N.json` with one action a line. Appends add data files; changes of rows
(erasure, rescoring) remove files as well; compaction adds and removes files, but marks them as no change of data.
"""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings

log = logging.getLogger(__name__)

# The folder in a table's, beside `_delta_log`, to which the job moves entries that were read (see short_logs.py).
READ_ENTRIES = "_delta_log_read"


class DataFile(NamedTuple):
    """A data file: its path below the table's folder, its rows (0 if the log has no count), its size in bytes."""

    path: str
    rows: int
    size: int = 0


class Entry(NamedTuple):
    """What one version did to the table's rows: the files that brought rows, and whether any file with rows went."""

    added: tuple[DataFile, ...]
    removed: bool

    @property
    def appended(self) -> tuple[DataFile, ...]:
        """The files whose rows are new to the table; none if the version also removed rows, for then it rewrote them.

        Spark's streaming readers skip the same versions (`skipChangeCommits`).
        """
        return () if self.removed else self.added


def parse(content: bytes) -> Entry:
    """An entry of the log from the content of its file."""
    actions = [json.loads(line) for line in content.splitlines() if line]
    adds = [action["add"] for action in actions if _changes_data(action, "add")]
    files = tuple(DataFile(unquote(add["path"]), _rows(add), int(add.get("size", 0))) for add in adds)
    return Entry(files, any(_changes_data(action, "remove") for action in actions))


def read_entry(files: Files, table: str, version: int) -> Entry | None:
    """What `version` of the table in the folder `table` did; None if it is not written yet, or has expired."""
    content = _content(files, table, version)
    return None if content is None else parse(content)


def in_log(files: Files, table: str, version: int) -> bool:
    """Whether the log itself still has an entry: of those that have left it a change feed says nothing, silently."""
    return files.read(f"{table}/_delta_log/{version:020d}.json") is not None


def transactions(files: Files, table: str, version: int) -> dict[str, int]:
    """The application transactions of a version: numbers by name; none where the entry has expired."""
    content = _content(files, table, version) or b""
    found = [json.loads(line).get("txn") for line in content.splitlines() if line]
    return {each["appId"]: int(each["version"]) for each in found if each}


def _content(files: Files, table: str, version: int) -> bytes | None:
    name = f"{version:020d}.json"
    content = files.read(f"{table}/_delta_log/{name}")
    return files.read(f"{table}/{READ_ENTRIES}/{name}") if content is None else content


class AppendedRows:
    """The rows that versions of one table appended, read without Spark and without a checkpoint.

    A data file that was vacuumed meanwhile is left out, with a line in the program's log: this is for readers that
    need a sample, not for those that must see every row. Raises OSError when the storage cannot be reached.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._folder = settings.table(name)
        self._files = Files(settings)

    def newest(self) -> int:
        """The table's newest version; raises deltalake.exceptions.TableNotFoundError if there is no table."""
        return open_table(self._settings, self._name).version()

    def reach(self, since: int, max_rows: int) -> int:
        """The last version after `since` up to which at most `max_rows` rows were appended, but at least one version.

        `since` itself if no version came after it, or if the log no longer holds the one that did.
        """
        rows = 0
        version = since
        while (entry := read_entry(self._files, self._folder, version + 1)) is not None:
            rows += sum(file.rows for file in entry.appended)
            if rows > max_rows and version > since:
                break
            version += 1
        return version

    def rows(self, since: int, until: int, schema: pa.Schema) -> pa.Table:
        """The columns of `schema`, of the rows appended after version `since` and up to version `until`."""
        parts = [schema.empty_table()]
        for version in range(since + 1, until + 1):
            entry = read_entry(self._files, self._folder, version)
            for added in entry.appended if entry else ():
                try:
                    with self._files.open(f"{self._folder}/{added.path}") as file:
                        parts.append(pq.read_table(file, columns=schema.names).select(schema.names).cast(schema))
                except FileNotFoundError:
                    log.info("%s: a data file of version %d is gone, its rows are left out", self._name, version)
        return pa.concat_tables(parts)


def _changes_data(action: dict[str, Any], kind: str) -> bool:
    return bool(action.get(kind, {}).get("dataChange"))


def _rows(add: dict[str, Any]) -> int:
    return int(json.loads(add.get("stats") or "{}").get("numRecords", 0))
