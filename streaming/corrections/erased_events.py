"""Reads and appends bronze/erased, the table of the events that erasures removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake
from deltalake.exceptions import TableNotFoundError

from streaming.delta.tables import location, open_table, plain, storage_options
from streaming.settings import Settings
from streaming.tables.bronze_erased import NAME, SCHEMA
from streaming.tables.columns import PARTITIONS


def remember(settings: Settings, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows that have all columns of the schema except the partitions."""
    parts = [{"year": r["erased_at"].year, "month": r["erased_at"].month, "day": r["erased_at"].day} for r in rows]
    write_deltalake(
        location(settings.table(NAME)),
        pa.Table.from_pylist([{**row, **part} for row, part in zip(rows, parts, strict=True)], SCHEMA),
        mode="append",
        partition_by=list(PARTITIONS),
        storage_options=storage_options(settings),
    )


def event_ids(settings: Settings, among: pa.Array) -> set[str]:
    """Those of these event ids that an erasure removed."""
    try:
        table = open_table(settings, NAME)
    except TableNotFoundError:
        return set()
    rows = plain(pa.table(table.scan(columns=["event_id"])))
    return set(rows.filter(pc.is_in(rows["event_id"], value_set=among))["event_id"].to_pylist())
