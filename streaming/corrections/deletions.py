"""Deletions of silver rows, as changes for the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable

from streaming.corrections import erased_events
from streaming.corrections.journal import Change, Choose
from streaming.delta.tables import plain
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS


def of_erased_events(settings: Settings) -> Choose:
    """Chooses the rows of events that an erasure removed from bronze, to delete them."""

    def choose(table: DeltaTable) -> Change | None:
        def among(rows: pa.Table) -> Any:
            gone = erased_events.event_ids(settings, rows["event_id"].combine_chunks())
            return pc.is_in(rows["event_id"], value_set=pa.array(sorted(gone), pa.string()))

        return deletion(table, ("event_id",), among)

    return choose


def deletion(
    table: DeltaTable, key: tuple[str, ...], wanted: Callable[[pa.Table], Any], among: str | None = None
) -> Change | None:
    """The deletion of the rows that `wanted` marks among those that meet the SQL `among`; None if it marks none.

    `key`: the columns that identify a row of the table, beside the partitions.
    """
    scan = table.scan(predicate=among)
    found = [rows.filter(wanted(rows)) for batch in scan if (rows := plain(pa.table(batch))).num_rows]
    old = pa.concat_tables(found) if found else None
    if old is None or not old.num_rows:
        return None
    return Change(old, None, old.group_by([*PARTITIONS, *key]).aggregate([]), key)
