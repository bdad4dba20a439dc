"""What a query still has to read of a Delta table: versions of the log, and the data files that they added.

Old files are deleted (`vacuum`) and old versions leave the log, whether or not a query that is down has read them. The
oldest go first, so a look at the first unread versions is enough; what else may be missing is found when the query has
come so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from streaming.checkpoints.offsets import DeltaOffset
from streaming.delta.log import read_entry
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings

MAX_VERSIONS = 100
MAX_FILES = 100


def missing(settings: Settings, name: str, offset: DeltaOffset) -> str | None:
    """A sentence about what the query at `offset` needs of the table `name` and does not find; None if all is there."""
    table = open_table(settings, name)
    if offset.in_snapshot:
        return _missing_in_snapshot(settings, name, table, offset.version)
    newest = table.version()
    if offset.version > newest + 1:
        return f"{name} was set back to version {newest}, but the query has read up to version {offset.version - 1}"
    files, folder = Files(settings), settings.table(name)
    wanted: list[str] = []
    for version in range(offset.version, min(newest + 1, offset.version + MAX_VERSIONS)):
        entry = read_entry(files, folder, version)
        if entry is None:
            return f"the log of {name} no longer holds version {version}, which the query has still to read"
        wanted += [file.path for file in entry.appended]
    return _first_gone(files, name, folder, wanted)


def _missing_in_snapshot(settings: Settings, name: str, table: DeltaTable, version: int) -> str | None:
    try:
        table.load_as_version(version)
    except DeltaError:
        return f"{name} no longer holds version {version}, which the query is reading as a whole"
    return _first_gone(Files(settings), name, settings.table(name), _paths(table))


def _paths(table: DeltaTable) -> list[str]:
    return [unquote(path) for path in pa.table(table.get_add_actions())["path"].to_pylist()]


def _first_gone(files: Files, name: str, folder: str, wanted: Sequence[str]) -> str | None:
    for path in wanted[:MAX_FILES]:
        if not files.exists(f"{folder}/{path}"):
            return f"{name}: the data file {path} was deleted before the query has read it"
    return None
