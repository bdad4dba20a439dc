"""How delta-rs (the `deltalake` package) reaches the lake: without Spark, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from deltalake import DeltaTable

from streaming.files import S3, s3_options
from streaming.files import location as location
from streaming.settings import Settings

_PLAIN = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}


def storage_options(settings: Settings) -> dict[str, str]:
    """Options for `deltalake`; none for a local lake."""
    return s3_options(settings) if location(settings.lake).startswith(S3) else {}


def open_table(settings: Settings, name: str) -> DeltaTable:
    """The newest snapshot of a table; raises deltalake.exceptions.TableNotFoundError if there is none."""
    return DeltaTable(location(settings.table(name)), storage_options=storage_options(settings))


def read(table: DeltaTable, columns: list[str] | None = None, predicate: str | None = None) -> pa.Table:
    """The rows of a snapshot. `predicate` is SQL made of constants, never of data.

    Not through `to_pyarrow_dataset`: its reader threads outlive an early end and crash the interpreter's exit.
    """
    return plain(pa.table(table.scan(columns=columns, predicate=predicate)))


def chunks(
    table: DeltaTable, columns: list[str], predicate: str | None = None, at_once: int = 50_000
) -> Iterator[pa.Table]:
    """The rows of a snapshot in tables of about `at_once`, however small the files are. `predicate` as for `read`."""
    held: list[pa.Table] = []
    for batch in table.scan(columns=columns, predicate=predicate):
        held.append(plain(pa.table(batch)))
        if sum(rows.num_rows for rows in held) >= at_once:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def plain(rows: pa.Table) -> pa.Table:
    """The same rows with plain strings and bytes: much of Arrow cannot compute with the views that a scan yields."""
    return rows.cast(pa.schema([field.with_type(_PLAIN.get(field.type, field.type)) for field in rows.schema]))
