"""Loads quarantined facts as silver has them now: their labels may have changed since, and an erased one is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.lake_files import without
from streaming.delta.tables import open_table, read
from streaming.operations.quarantined.rows import Row
from streaming.quarantine.bisect import bisect
from streaming.settings import Settings
from streaming.warehouse.base import Load, Warehouse
from streaming.warehouse.connect import open_warehouse
from streaming.warehouse.facts import TARGETS


@dataclass
class Done:
    """What became of quarantined rows."""

    sent: list[Row] = field(default_factory=list)
    gone: list[Row] = field(default_factory=list)
    refused: list[Row] = field(default_factory=list)


def load(settings: Settings, rows: Sequence[Row]) -> Done:
    """Load the facts of these rows; those that the warehouse refuses again stay in quarantine."""
    done = Done()
    if not rows:
        return done
    warehouse = open_warehouse(settings)
    try:
        for target, name in TARGETS.items():
            own = [row for row in rows if row["table_name"] == name]
            if own:
                _load(settings, warehouse, target, own, done)
    finally:
        warehouse.close()
    return done


def _load(settings: Settings, warehouse: Warehouse, target: str, rows: Sequence[Row], done: Done) -> None:
    table = open_table(settings, TARGETS[target])
    query = f"replay/{target}/{table.metadata().id}"
    last = warehouse.last_batch(query)
    batch = 0 if last is None else last + 1

    def part(facts: pa.Table) -> Load:
        return Load(query, batch, {target: facts}, datetime.now(UTC))

    facts = _facts(settings, TARGETS[target], warehouse.columns(target), [row["event_id"] for row in rows])

    def tried(start: int, stop: int) -> tuple[()]:
        warehouse.try_out(part(facts.slice(start, stop - start)))
        return ()

    _, refused = bisect(facts.num_rows, tried)
    kept = without(facts, frozenset(each.position for each in refused))
    if kept.num_rows:
        warehouse.commit([part(kept)])
    bad = {facts["event_id"][each.position].as_py() for each in refused}
    there = set(facts["event_id"].to_pylist())
    done.refused += [row for row in rows if row["event_id"] in bad]
    done.gone += [row for row in rows if row["event_id"] not in there]
    done.sent += [row for row in rows if row["event_id"] in there - bad]


def _facts(settings: Settings, name: str, columns: Sequence[str], ids: Sequence[str]) -> pa.Table:
    table = open_table(settings, name)
    present = [field.name for field in table.schema().fields]
    rows = read(table, [column for column in columns if column in present])
    rows = rows.filter(pc.is_in(rows["event_id"], value_set=pa.array(ids, pa.string())))
    for column in columns:
        if column not in present:
            rows = rows.append_column(column, pa.nulls(rows.num_rows, pa.string()))
    return rows.select(list(columns))
