"""The lake for DuckDB: its tables as views, when each file became visible, and a copy of a lake on S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from deploy.local.errors import UsageError
from streaming.delta.log import READ_ENTRIES, parse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "2GB"


def connect(folder: Path) -> DuckDBPyConnection:
    """A database in `folder` that spills to disk instead of growing."""
    import duckdb

    connection = duckdb.connect(str(folder / "audit.duckdb"))
    connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
    connection.execute(f"set temp_directory = '{_quoted(str(folder))}'")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set preserve_insertion_order = false")
    # Otherwise DuckDB reads a Python variable when a table of that name does not exist.
    connection.execute("set python_enable_replacements = false")
    return connection


def view(connection: DuckDBPyConnection, name: str, table: Path) -> bool:
    """Make view `name` of a Delta table's present rows and their `filename`; False (and no view) if there is none."""
    try:
        delta = DeltaTable(str(table))
    except TableNotFoundError:
        return False
    # delta-rs names files by URI: a blank in the folder's name is %20 there.
    files = [unquote(uri) for uri in delta.file_uris()]
    if not files:
        empty = pa.schema(delta.schema()).empty_table().append_column("filename", pa.array([], pa.string()))
        connection.register("empty", empty)
        # A table, since cursors see no registered object.
        connection.execute(f"create or replace table {name}_empty as select * from empty")
        connection.execute(f"create or replace view {name} as select * from {name}_empty")
        return True
    listed = ", ".join(f"'{_quoted(file)}'" for file in files)
    connection.execute(
        f"create or replace view {name} as select * from "
        f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false, filename = true)"
    )
    return True


def commits(connection: DuckDBPyConnection, name: str, table: Path) -> None:
    """Make table `name` (filename, committed_us): when the commit that brought each file was published.

    The time is the log entry's own on disk: what a reader sees, where `commitInfo` says when the writer began.
    """
    connection.execute(f"create or replace table {name} (filename varchar, committed_us bigint)")
    rows = list(_added(table))
    if rows:
        files, times = zip(*rows, strict=True)
        batch = pa.table({"filename": list(files), "committed_us": list(times)})
        connection.register("commit_batch", batch)
        connection.execute(f"insert into {name} select filename, committed_us from commit_batch")
        connection.unregister("commit_batch")


def number(connection: DuckDBPyConnection, sql: str) -> int:
    """The one number that a query returns; 0 for null. Fetches all rows, as DuckDB needs before its next query."""
    value = connection.execute(sql).fetchall()[0][0]
    return 0 if value is None else int(value)


def copied_from_s3(s3: Any, url: str, target: Path) -> Path:
    """Copy all objects below an s3:// (or s3a://) URL with their times; returns the folder. UsageError for another URL.

    For the audit of a lake on the emulated S3, since DuckDB reads S3 with an extension that no wheel holds. `s3` is a
    boto3 client. The times matter: that of a log entry is when its commit became visible. Nothing may write
    meanwhile, or a table's log may name a file that was not there yet when its folder was listed.
    """
    where = urlsplit(url)
    if where.scheme not in ("s3", "s3a") or not where.netloc:
        raise UsageError(f"--lake: received '{url}', expected s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = f"{where.path.strip('/')}/".lstrip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=where.netloc, Prefix=prefix)
    for entry in (entry for page in pages for entry in page.get("Contents", ()) if not entry["Key"].endswith("/")):
        path = target / entry["Key"].removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(where.netloc, entry["Key"], str(path))
        changed = entry["LastModified"].timestamp()
        os.utime(path, (changed, changed))
    return target


def _added(table: Path) -> Iterator[tuple[str, int]]:
    entries = [each for folder in ("_delta_log", READ_ENTRIES) for each in (table / folder).glob("*.json")]
    for entry in sorted(entries, key=lambda each: each.name):
        published = entry.stat().st_mtime_ns // 1000
        # Not the files of a compaction, an erasure or a rescore: their rows were visible before.
        for file in parse(entry.read_bytes()).appended:
            yield str(table / file.path), published


def _quoted(text: str) -> str:
    return text.replace("'", "''")
