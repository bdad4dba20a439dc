"""Loads without the rows that the warehouse refuses, once a load has failed three times because of its data.

Which rows those are is tried in transactions that are taken back, by halves. The rows go to silver/quarantined, then
the rest is committed as one load with its usual row in the ledger. So whatever the process dies between, the batch is
in the warehouse once or not at all, and a row that it lacks is in quarantine.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from streaming.delta.lake_files import in_batches, without
from streaming.errors import RowsRefused
from streaming.quarantine.bisect import bisect
from streaming.quarantine.failures import Failures
from streaming.quarantine.table import Quarantine
from streaming.settings import Settings
from streaming.warehouse.base import Load, Warehouse

log = logging.getLogger(__name__)

Row = Mapping[str, Any]
# From the target and a refused row: the columns of silver_quarantined that identify it.
Identify = Callable[[str, Row], dict[str, Any]]


class LeavesOut:
    """Commits the loads of one hop. Called by one thread.

    `identify` gives `table_name`, `key` and, where the row has them, the columns by which an erasure finds it.
    `kept` is called when rows are in quarantine, before the load without them begins.
    """

    def __init__(
        self,
        settings: Settings,
        warehouse: Warehouse,
        hop: str,
        identify: Identify,
        kept: Callable[[], None] = lambda: None,
    ) -> None:
        self._warehouse = warehouse
        self._kept = kept
        self._hop = hop
        self._identify = identify
        self._failures = Failures(settings, hop)
        self._quarantine = Quarantine(settings, hop)

    def commit(self, loads: Sequence[Load]) -> None:
        """Take all of the loads or none, but for the rows that are left out. Raises what `Warehouse.commit` raises.

        Raises RowsRefused until the same hop has failed often enough for its data, TooManyRefused after that.
        """
        try:
            self._warehouse.commit(loads)
        except RowsRefused as error:
            self._failures.note(error)
            if not self._failures.exhausted:
                raise
            log.warning("hop %s: looking for the rows that the warehouse refuses: %s", self._hop, error)
            self._warehouse.commit([self._accepted(load) for load in loads])
        self._failures.clear()

    def _accepted(self, load: Load) -> Load:
        """The load without its refused rows, which are in quarantine then."""
        tables, left_out = {}, []
        for target, rows in load.tables.items():
            refused = list(self._refused(load, target))
            left_out += [self._quarantined(target, row, error) for _, row, error in refused]
            tables[target] = without(rows, frozenset(position for position, _, _ in refused))
        if left_out:
            self._quarantine.add(left_out, load.query, load.batch_id)
            self._kept()
        return replace(load, tables=tables)

    def _refused(self, load: Load, target: str) -> Iterator[tuple[int, Row, Exception]]:
        """The rows that the warehouse refuses: position among the target's rows, the row, its error."""
        first = 0
        for part in in_batches(load.tables[target], self._warehouse.columns(target)):

            def tried(start: int, stop: int, part: pa.Table = part) -> tuple[()]:
                rows = {target: part.slice(start, stop - start)}
                self._warehouse.try_out(replace(load, tables=rows, replaces=False))
                return ()

            _, refused = bisect(part.num_rows, tried)
            for each in refused:
                yield first + each.position, part.slice(each.position, 1).to_pylist()[0], each.error
            first += part.num_rows

    def _quarantined(self, target: str, row: Row, error: Exception) -> dict[str, Any]:
        data = json.dumps(row, default=str).encode()
        return {"data": data, "error_class": type(error).__name__, "error": str(error), **self._identify(target, row)}
