"""The events of one round by kind, with the hash of the item that each is about."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from streaming.retraction.items import KINDS, hashed
from streaming.retraction.source import Batch
from streaming.tables import silver_item_index
from streaming.tables.columns import PARTITIONS

DELETION = ("target_type", "target_id", "event_id", "arrival_time")
CAME = pa.schema([*silver_item_index.SCHEMA, ("event_id", pa.string())])
NAMED = pa.schema([("item", pa.int64()), ("event_id", pa.string()), ("arrival_time", CAME.field("arrival_time").type)])


def columns(kind: str) -> tuple[str, ...]:
    """The columns of a kind's table that `came` needs."""
    return (KINDS[kind].column, "event_id", "event_time", "arrival_time")


def came(kind: str, batch: Batch | None) -> pa.Table:
    """The rows of items (CAME): those of the index, and the id of the event."""
    if batch is None or not batch.rows.num_rows:
        return CAME.empty_table()
    rows, day = batch.rows, batch.rows["event_time"]
    parts = dict(zip(PARTITIONS, (pc.year(day), pc.month(day), pc.day(day)), strict=True))
    own = {
        "item": hashed(kind, rows[KINDS[kind].column].to_pylist()),
        "kind": pa.array([kind] * rows.num_rows, pa.string()),
        "arrival_time": rows["arrival_time"],
        **parts,
        "event_id": rows["event_id"],
    }
    return pa.table({name: own[name] for name in CAME.names}).cast(CAME)


def named(kind: str, batch: Batch | None) -> pa.Table:
    """The deletions (NAMED) of items of one kind, in the order in which they were read."""
    if batch is None or not batch.rows.num_rows:
        return NAMED.empty_table()
    rows = batch.rows.filter(pc.equal(batch.rows["target_type"], kind))
    items = hashed(kind, rows["target_id"].to_pylist())
    return pa.table({"item": items, "event_id": rows["event_id"], "arrival_time": rows["arrival_time"]}).cast(NAMED)


def since(places: pa.Table, deletions: pa.Table) -> Mapping[int, datetime | None]:
    """By item that silver holds: since when its removal is due, the later arrival of the item and of its deletion."""
    found: dict[int, datetime | None] = {}
    for row in places.select(["item", "arrival_time"]).to_pylist():
        found[row["item"]] = _later(found.get(row["item"]), row["arrival_time"])
    for row in deletions.to_pylist():
        if row["item"] in found:
            found[row["item"]] = _later(found[row["item"]], row["arrival_time"])
    return found


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max(filter(None, (one, other)), default=None)
