"""What every warehouse promises, whatever its dialect. `connect.py` chooses the dialect.

Guarantee: a load takes effect exactly once. Its rows and its row in `dw.load_ledger` commit in one transaction, and a
load whose (query, batch id) is in the ledger is skipped; facts are keyed by event id besides, so that even a job that
lost its checkpoint, and reads silver from the beginning under a new query id, doubles nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Load:
    """One batch of rows for one or more targets, named after the tables of `dw`.

    `tables` hold at least the columns that the target's script copies; `started_at` is when the batch began, with a
    time zone. With `replaces`, the rows of the targets that are not in the load are deleted.
    """

    query: str
    batch_id: int
    tables: Mapping[str, pa.Table]
    started_at: datetime
    replaces: bool = False

    @property
    def rows(self) -> int:
        """Rows of all targets."""
        return sum(table.num_rows for table in self.tables.values())

    @property
    def arrivals(self) -> tuple[datetime | None, datetime | None]:
        """The earliest and the latest `arrival_time` of all rows; None where no table has that column."""
        columns = [t["arrival_time"] for t in self.tables.values() if "arrival_time" in t.column_names]
        spans = [pc.min_max(column).as_py() for column in columns]
        first = [span["min"] for span in spans if span["min"] is not None]
        last = [span["max"] for span in spans if span["max"] is not None]
        return (min(first) if first else None, max(last) if last else None)


class Warehouse(Protocol):
    """A place that takes loads. Methods raise SinkUnavailable where trying again later is right."""

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied.

        Safe to call from several jobs at once. Raises PermanentFailure if an applied file has changed.
        """
        ...

    def columns(self, target: str) -> tuple[str, ...]:
        """The columns that loads of `target` must have."""
        ...

    def commit(self, loads: Sequence[Load]) -> int:
        """Take all of the loads or none, leaving out those that the ledger has; returns how many were new."""
        ...

    def last_batch(self, query: str) -> int | None:
        """The highest batch id of `query` in the ledger."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
