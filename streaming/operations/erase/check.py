"""Checks every remaining file for a person's data. Deletes only files that no table refers to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import journal
from streaming.delta.log import READ_ENTRIES
from streaming.delta.tables import open_table, plain
from streaming.events.records import PEOPLE, Person
from streaming.files import Files
from streaming.settings import Settings

LAYERS = ("bronze", "silver")
COLUMNS = (*PEOPLE, "partition_key", "data", "raw")
# A file that no commit refers to may belong to a commit under way, but not for so long. Files of an operation's failed
# commit are recognised at once: by their name, if no operation is under way.
ORPHAN_AFTER_S = 3600.0
CHANGE_DATA = "_change_data/"


@dataclass
class Check:
    """What was read, and which files still hold the person's data."""

    files: int = 0
    rows: int = 0
    holding: list[str] = field(default_factory=list)
    orphans_deleted: list[str] = field(default_factory=list)
    log_entries: int = 0
    checkpoint_files: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether no data file holds the person's data any more."""
        return not self.holding


def check(settings: Settings, person: Person, before: datetime) -> Check:
    """Read every data file of bronze and silver, of old versions too; rows that arrived after `before` do not count.

    A file that no version refers to (of a writer that died, or of the change feed of silver/users, which nobody reads)
    is deleted if it holds the person's data.
    """
    files, found = Files(settings), Check()
    for name in (f"{layer}/{table}" for layer in LAYERS for table in files.folders(f"{settings.lake}/{layer}")):
        root = settings.table(name)
        listed = list(files.below(root, recursive=True))
        # In this order: a file that was listed, and that no version refers to afterwards, was left behind.
        failed = () if journal.under_way(settings, name) else (journal.REWRITTEN_NAME,)
        known = _referred(settings, name)
        for path, modified, _ in listed:
            if path.startswith(("_delta_log/", f"{READ_ENTRIES}/")):
                found.log_entries += _names(person, files.read(f"{root}/{path}") or b"")
            elif path.endswith(".parquet") and _holds(files, f"{root}/{path}", person, before, found):
                abandoned = path.startswith(CHANGE_DATA) or path.endswith(failed) or _is_old(modified)
                orphan = path not in known and abandoned
                (found.orphans_deleted if orphan else found.holding).append(f"{name}/{path}")
                if orphan:
                    files.remove(f"{root}/{path}")
    found.checkpoint_files = list(_checkpoints(files, settings, person))
    return found


def _referred(settings: Settings, name: str) -> set[str]:
    """The files of the present version, relative to the table."""
    try:
        table = open_table(settings, name)
    except TableNotFoundError:
        return set()
    return set(pa.table(table.get_add_actions())["path"].to_pylist())


def _holds(files: Files, path: str, person: Person, before: datetime, found: Check) -> bool:
    try:
        parquet = pq.ParquetFile(files.open(path), coerce_int96_timestamp_unit="us")
    except FileNotFoundError:  # vacuumed meanwhile
        return False
    names = parquet.schema_arrow.names
    columns = [name for name in (*COLUMNS, "arrival_time") if name in names]
    found.files += 1
    if not set(columns) & set(COLUMNS):
        return False
    for batch in parquet.iter_batches(columns=columns):
        found.rows += batch.num_rows
        rows = plain(pa.Table.from_batches([batch]))
        if "arrival_time" in names:
            # Spark's older files hold times without a zone, in UTC.
            arrived = rows["arrival_time"].cast(pa.timestamp("us", tz="UTC"))
            rows = rows.filter(pc.less_equal(arrived, pa.scalar(before)))
        if any(_names_them(row, person) for row in _suspects(rows, person)):
            return True
    return False


def _suspects(rows: pa.Table, person: Person) -> Iterator[dict[str, Any]]:
    """The rows whose bytes contain the id, or escapes that may spell it."""
    hits = pa.array([False] * rows.num_rows, pa.bool_())
    for name in set(rows.column_names) & set(COLUMNS):
        column = rows[name].cast(pa.binary())
        for pattern in (person.user.encode(), *([b"\\u"] if name in ("data", "raw") else [])):
            hits = pc.or_(hits, pc.fill_null(pc.match_substring(column, pattern), False))
    yield from rows.filter(hits).to_pylist()


def _names_them(row: dict[str, Any], person: Person) -> bool:
    if any(row.get(name) == person.user for name in (*PEOPLE, "partition_key")):
        return True
    held = [row.get("data"), (row.get("raw") or "").encode()]
    return any(person.concerned(data, None) for data in held if data)


def _names(person: Person, content: bytes) -> bool:
    return bool(re.search(rb'"' + re.escape(person.user.encode()) + rb'\\*"', content))


def _checkpoints(files: Files, settings: Settings, person: Person) -> Iterator[str]:
    """Checkpoint files whose bytes contain the id.

    Compressed files (the state of duplicates) cannot be searched like this; they hold event ids only.
    """
    for path in (file.name for file in files.below(settings.checkpoints, recursive=True)):
        if not path.endswith(".tar") and _names(person, files.read(f"{settings.checkpoints}/{path}") or b""):
            yield path


def _is_old(modified: float) -> bool:
    return time.time() - modified > ORPHAN_AFTER_S
