"""Removes a person's rows from silver/quarantined, once no hop can write them there any more."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import journal
from streaming.corrections.journal import Change
from streaming.delta.tables import plain
from streaming.events.records import PEOPLE, Person
from streaming.failures import ABOUT_DATA
from streaming.operations.erase.rows import Erasure, Removed, plain_schema
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS
from streaming.tables.silver_quarantined import KEY, NAME

SOURCE = pa.schema(
    [
        *((name, pa.int32()) for name in PARTITIONS),
        *((name, pa.string()) for name in KEY),
        ("new_data", pa.binary()),
        ("gone", pa.bool_()),
    ]
)


def erase(settings: Settings, erasure: Erasure, removed: Removed) -> None:
    """Delete the person's rows; of a record with events of others too, only the person's events."""

    def choose(table: DeltaTable) -> Change | None:
        rows = plain(pa.table(table.scan(predicate=erasure.arrived))).to_pylist()
        hits = [(row, left) for row in rows if (left := _left(row, erasure.person)) != row["data"]]
        old = [row for row, left in hits if left is None]
        source = [
            {**{name: row[name] for name in (*PARTITIONS, *KEY)}, "new_data": left, "gone": left is None}
            for row, left in hits
        ]
        schema = plain_schema(pa.schema(table.schema()))
        return Change(
            pa.Table.from_pylist(old, schema),
            None,
            pa.Table.from_pylist(source, SOURCE),
            KEY,
            {"data": "source.new_data"},
            "source.gone",
        )

    try:
        change = journal.apply(settings, erasure.name, NAME, choose)
    except TableNotFoundError:
        return
    if change is not None:
        removed.count(NAME, change.source.num_rows)


def _left(row: dict[str, Any], person: Person) -> bytes | None:
    """What is left of the row's data without the person's events; None if nothing is."""
    data: bytes = row["data"]
    if person.user in (row["partition_key"], *(row[name] for name in PEOPLE)):
        return None
    try:
        return person.removed_from(data, None) if person.concerned(data, None) else data
    except ABOUT_DATA:  # the data are in quarantine because code like this failed at them
        return None if person.user.encode() in data else data
