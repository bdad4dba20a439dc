"""Writes rows into silver/quarantined.

Guarantee: a row is there before its batch is committed without it, and once however often the batch is repeated: a key
that the table holds is not written again, and the commit succeeds only on the very snapshot that was looked at. So the
process may end at any moment. The table is made with its first row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.delta import append, fence
from streaming.delta.tables import open_table, read
from streaming.quarantine.bisect import check_number
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS
from streaming.tables.silver_quarantined import KEY, NAME, SCHEMA, TIME

log = logging.getLogger(__name__)

# Hops and erasures commit to the same table.
ATTEMPTS = 20

Row = Mapping[str, Any]


class Quarantine:
    """The rows that one hop leaves out. Called by one thread."""

    def __init__(self, settings: Settings, hop: str) -> None:
        self._settings = settings
        self._hop = hop

    def add(self, rows: Sequence[Row], query: str, batch: int) -> None:
        """Keep `rows` (columns of silver_quarantined), which `batch` of `query` is about to be committed without.

        Raises TooManyRefused if they are too many, LeaseLost if another job has taken over.
        """
        if not rows:
            return
        check_number(len(rows), rows[-1]["error"])
        append.create(self._settings, NAME, SCHEMA, PARTITIONS)
        table = open_table(self._settings, NAME)
        fence.show(table, self._settings.token)
        for attempt in range(ATTEMPTS):
            new = self._absent(table, rows)
            if not new:
                return
            try:
                self._append(table, new, query, batch)
            except CommitFailedError:
                if attempt == ATTEMPTS - 1:
                    raise
                table.update_incremental()
                fence.check(table, self._settings.token)
            else:
                log.error("hop %s left %d rows out of batch %d: %s", self._hop, len(new), batch, new[0]["error"])
                return

    def _absent(self, table: DeltaTable, rows: Sequence[Row]) -> list[Row]:
        """The rows whose keys the snapshot lacks."""
        there = {tuple(row.values()) for row in read(table, list(KEY)).to_pylist()}
        fresh: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = (self._hop, row["table_name"], row["key"])
            if key not in there:
                fresh.setdefault(key, row)
        return list(fresh.values())

    def _append(self, table: DeltaTable, rows: Sequence[Row], query: str, batch: int) -> None:
        now = datetime.now(UTC)
        own = {"hop": self._hop, "query": query, "batch": batch, TIME: now}
        day = {"year": now.year, "month": now.month, "day": now.day}
        batch_of_rows = pa.Table.from_pylist([{**row, **own, **day} for row in rows], to_arrow_schema(SCHEMA))
        marks = fence.properties(self._settings.token, {query: batch})
        write_deltalake(table, batch_of_rows, mode="append", commit_properties=marks)


def since(settings: Settings, moment: datetime) -> list[Row]:
    """What the table holds of the rows that were left out since `moment`: which and when, without their data."""
    try:
        table = open_table(settings, NAME)
    except TableNotFoundError:
        return []
    rows: list[Row] = read(table, [*KEY, TIME], f"{TIME} >= '{moment.isoformat()}'").to_pylist()
    return rows
