"""Writes quarantined rows of gold again as they are now: the hop serve takes them for changed rows, and serves them.

Loading them from here instead could put an old value over a newer one that the hop serves at the same moment.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import pyarrow as pa
from deltalake.exceptions import CommitFailedError

from streaming.delta.merge import predicate
from streaming.delta.tables import open_table, read
from streaming.errors import OperationFailed
from streaming.operations.quarantined.rows import Row
from streaming.operations.quarantined.warehouse import Done
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable
from streaming.warehouse.serving import GOLD, identity

ATTEMPTS = 20


def touch(settings: Settings, rows: Sequence[Row]) -> Done:
    """Have the hop serve the gold rows with these keys; a key that gold no longer has is gone."""
    done = Done()
    for table in GOLD:
        own = [row for row in rows if row["table_name"] == table.name]
        if own:
            there = _touched(settings, table, {row["key"] for row in own})
            done.sent += [row for row in own if row["key"] in there]
            done.gone += [row for row in own if row["key"] not in there]
    return done


def _touched(settings: Settings, table: KeyedTable, keys: set[str]) -> set[str]:
    """The keys among `keys` that the table has, whose rows are written again."""
    target = table.name.removeprefix("gold/")
    for attempt in range(ATTEMPTS):
        delta = open_table(settings, table.name)
        present = read(delta)
        found = [identity(target, row)["key"] for row in present.to_pylist()]
        rows = present.filter(pa.array([key in keys for key in found], pa.bool_()))
        if not rows.num_rows:
            return set()
        merge = delta.merge(
            rows, predicate(table, rows), source_alias="source", target_alias="target", streamed_exec=False
        )
        value = table.values[0][0]
        try:
            merge.when_matched_update({value: f"target.{value}"}).execute()
        except CommitFailedError:
            time.sleep(0.05 * attempt)
            continue
        return keys & set(found)
    raise OperationFailed(f"{table.name}: other processes keep changing it; try again")
