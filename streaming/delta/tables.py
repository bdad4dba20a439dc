"""Delta tables opened and read by delta-rs (the `deltalake` package): without Spark, in milliseconds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema
from deltalake.exceptions import TableNotFoundError

from streaming.files import S3, s3_options
from streaming.files import location as location
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable

_PLAIN = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def storage_options(settings: Settings) -> dict[str, str]:
    """Options for `deltalake`; none for a local lake."""
    return s3_options(settings) if location(settings.lake).startswith(S3) else {}


def open_table(settings: Settings, name: str) -> DeltaTable:
    """The newest snapshot of a table; raises deltalake.exceptions.TableNotFoundError if there is none."""
    return DeltaTable(location(settings.table(name)), storage_options=storage_options(settings))


def read(table: DeltaTable, columns: list[str] | None = None, predicate: str | None = None) -> pa.Table:
    """The rows of a snapshot that meet `predicate`: SQL made of constants, never of data. No `columns`: all of them.

    Not through `to_pyarrow_dataset`: its reader threads outlive an early end and crash the interpreter's exit.
    """
    return plain(pa.table(table.scan(columns=columns, predicate=predicate)))


def chunks(
    table: DeltaTable, columns: list[str], predicate: str | None = None, at_once: int = 50_000
) -> Iterator[pa.Table]:
    """The rows of a snapshot in tables of at least `at_once` rows, but for the last. `predicate`: see `read`."""
    held: list[pa.Table] = []
    for batch in table.scan(columns=columns, predicate=predicate):
        held.append(plain(pa.table(batch)))
        if sum(rows.num_rows for rows in held) >= at_once:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def recent(settings: Settings, table: KeyedTable, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """A keyed table's rows whose time lies in [since, until] (aware times); none if there is no table yet.

    Reads only the partitions of those days.
    """
    days = [since.date() + timedelta(days=day) for day in range((until.date() - since.date()).days + 1)]
    partitions = " OR ".join(f"(year = {day.year} AND month = {day.month} AND day = {day.day})" for day in days)
    span = f"{table.time} >= '{since.isoformat()}' AND {table.time} <= '{until.isoformat()}'"
    try:
        newest = open_table(settings, table.name)
        rows: list[dict[str, Any]] = read(newest, predicate=f"({partitions}) AND {span}").to_pylist()
    except TableNotFoundError:
        return []
    return rows


@contextmanager
def spilled(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatchReader]:
    """The same batches, read back from a temporary file, for a commit of more rows than fit into memory.

    While delta-rs pulls the rows of a commit it must not be called, so the batches cannot come from another table.
    """
    with tempfile.NamedTemporaryFile(prefix="moodstream-", suffix=".arrow") as file:
        with pa.ipc.new_stream(file.name, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        with pa.memory_map(file.name) as source:
            yield pa.ipc.open_stream(source)


def plain(rows: pa.Table) -> pa.Table:
    """The same rows with ordinary strings and bytes: many functions of Arrow do not accept the views of a scan."""
    return rows.cast(pa.schema([field.with_type(_PLAIN.get(field.type, field.type)) for field in rows.schema]))


def add_missing_columns(table: DeltaTable, wanted: Schema) -> None:
    """Add the columns of `wanted` that a table of an earlier release lacks; their values are null there."""
    present = {field.name for field in table.schema().fields}
    missing = [field for field in wanted.fields if field.name not in present]
    if missing:
        table.alter.add_columns(missing)
