"""silver/retracted: what became of each deletion. With it the hop knows every item that was ever named by one."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.tables import chunks
from streaming.retraction.items import KINDS, Hashes
from streaming.retraction.known import Known
from streaming.retraction.marked_table import MarkedTable
from streaming.settings import Settings
from streaming.tables import silver_retracted


class Ledger:
    """The ledger, and in memory the hashes of all items that deletions named: 8 bytes each. Called by one thread."""

    def __init__(self, settings: Settings) -> None:
        self._table = MarkedTable(settings, silver_retracted.NAME, silver_retracted.SCHEMA)
        self._named = {kind: Known(sys.maxsize) for kind in KINDS}
        for rows in chunks(self._table.delta, ["kind", "item", "outcome"]):
            self._remember(rows)

    def mark(self, name: str) -> int | None:
        """How far a source was read, by the name of its mark."""
        return self._table.mark(name)

    def names(self, kind: str, hashes: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """For each item, whether a deletion has named it."""
        return self._named[kind].has(hashes)

    def add(self, entries: Sequence[Mapping[str, Any]], marks: Mapping[str, int]) -> None:
        """Append entries (all columns but `retracted_at` and the partitions) and marks in one commit."""
        now = datetime.now(UTC)
        done = {"retracted_at": now, "year": now.year, "month": now.month, "day": now.day}
        rows = pa.Table.from_pylist([{**entry, **done} for entry in entries], silver_retracted.SCHEMA)
        self._table.append(rows, marks)
        self._remember(rows)

    def _remember(self, rows: pa.Table) -> None:
        rows = rows.filter(pc.not_equal(rows["outcome"], silver_retracted.SUPERSEDED))
        for kind, named in self._named.items():
            named.add(rows.filter(pc.equal(rows["kind"], kind))["item"].to_numpy().astype(np.int64))
