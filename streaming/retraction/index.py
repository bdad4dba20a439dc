"""The index of items: from the hash of an item to the days and moments of arrival at which silver holds its rows.

What a lookup costs: nothing for an item that is certainly unknown, which memory tells; else one scan of the index's
column `item`, for all items of a round together, in which files whose range of hashes has none of them are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.tables import chunks, read
from streaming.retraction.items import KINDS, Hashes
from streaming.retraction.known import Known
from streaming.retraction.marked_table import MarkedTable
from streaming.settings import Settings
from streaming.tables import silver_item_index
from streaming.tables.columns import PARTITIONS

COLUMNS = ["item", "kind", "arrival_time", *PARTITIONS]
# 160 MB for each kind at most. An item that memory has forgotten is looked up on disk.
REMEMBERED = 20_000_000
# A longer list of literals is no help to the scan.
MAX_LITERALS = 500


class ItemIndex:
    """silver/item_index, and the hashes of its newest items in memory. Called by one thread."""

    def __init__(self, settings: Settings, remembered: int = REMEMBERED) -> None:
        """Reads the hashes of the newest `remembered` items of each kind: about a second for ten million."""
        self._table = MarkedTable(settings, silver_item_index.NAME, silver_item_index.SCHEMA)
        self._known = {kind: Known(remembered) for kind in KINDS}
        self._load(remembered)

    def mark(self, name: str) -> int | None:
        """How far a source was read, by the name of its mark."""
        return self._table.mark(name)

    def add(self, rows: pa.Table, marks: Mapping[str, int]) -> None:
        """Take in rows of the table's schema, and the marks of their sources, in one commit."""
        self._table.append(rows, marks)
        for kind, known in self._known.items():
            known.add(_items(rows, kind))

    def knows(self, kind: str, hashes: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """For each hash, whether memory has it. Of items that memory has forgotten it says False."""
        return self._known[kind].has(hashes)

    def places(self, kind: str, hashes: Hashes) -> pa.Table:
        """The rows of the index for these items: COLUMNS."""
        wanted = hashes if self._known[kind].forgot else hashes[self.knows(kind, hashes)]
        if not len(wanted):
            return silver_item_index.SCHEMA.empty_table()
        literals = ", ".join(map(str, wanted.tolist()))
        few = f"item IN ({literals})" if len(wanted) <= MAX_LITERALS else None
        self._table.delta.update_incremental()
        among = pa.array(wanted, pa.int64())
        found = [
            rows.filter(pc.is_in(rows["item"], value_set=among)) for rows in chunks(self._table.delta, COLUMNS, few)
        ]
        found = [rows.filter(pc.equal(rows["kind"], kind)) for rows in found]
        return pa.concat_tables([silver_item_index.SCHEMA.empty_table(), *found], promote_options="permissive")

    def _load(self, most: int) -> None:
        days = sorted({tuple(int(part[name]) for name in PARTITIONS) for part in self._table.delta.partitions()})
        newest: list[pa.Table] = []
        for day in reversed(days):
            own = " AND ".join(f"{name} = {value}" for name, value in zip(PARTITIONS, day, strict=True))
            newest.append(read(self._table.delta, ["item", "kind"], own))
            if sum(rows.num_rows for rows in newest) >= most * len(KINDS):
                break
        for rows in reversed(newest):
            for kind, known in self._known.items():
                known.add(_items(rows, kind))
        for known in self._known.values():
            known.forgot = known.forgot or len(newest) < len(days)


def _items(rows: pa.Table, kind: str) -> Hashes:
    own: Hashes = rows.filter(pc.equal(rows["kind"], kind))["item"].to_numpy().astype(np.int64)
    return own
