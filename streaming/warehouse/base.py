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

from streaming.warehouse.lake_files import Rows


@dataclass(frozen=True)
class Load:
    """One batch of rows for one or more targets, named after the tables of `dw`.

    `tables` have at least the columns that the target's script copies, as rows in memory or as files of the lake;
    `started_at` is when the batch began, with a time zone. With `replaces`, the rows of the targets that are not in the
    load are deleted.
    """

    query: str
    batch_id: int
    tables: Mapping[str, Rows]
    started_at: datetime
    replaces: bool = False

    @property
    def rows(self) -> int:
        """Rows of all targets."""
        return sum(rows.num_rows for rows in self.tables.values())


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
