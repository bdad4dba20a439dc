"""The rows of silver/quarantined: read, and deleted once they are where they belong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import journal
from streaming.corrections.deletions import deletion
from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.tables.silver_quarantined import KEY, NAME

Row = Mapping[str, Any]


def waiting(settings: Settings, hop: str | None) -> list[Row]:
    """The quarantined rows of a hop (None: of all), oldest first; none where no row was ever left out."""
    try:
        rows: list[Row] = read(open_table(settings, NAME)).sort_by("quarantined_at").to_pylist()
    except TableNotFoundError:
        return []
    return [row for row in rows if hop in (None, row["hop"])]


def release(settings: Settings, rows: Collection[Row]) -> None:
    """Delete these rows from the table; may be repeated."""
    if not rows:
        return
    keys = {_key(row) for row in rows}

    def among(found: pa.Table) -> pa.Array:
        return pa.array([_key(row) in keys for row in found.select(list(KEY)).to_pylist()], pa.bool_())

    journal.apply(settings, "quarantined", NAME, lambda table: deletion(table, KEY, among))


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in KEY)
