"""What every warehouse promises, whatever its dialect. `connect.py` chooses the dialect.

Guarantee: a load takes effect exactly once. Its rows and its row in `dw.load_ledger` commit in one transaction, and a
load whose (query, batch id) is in the ledger is skipped; facts are keyed by event id besides, so that even a job that
lost its checkpoint, and reads silver from the beginning under a new query id, doubles nothing. Each load of a job shows
its fencing token in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from streaming.delta.lake_files import Rows
from streaming.fencing import Token


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


@dataclass(frozen=True)
class HopToken:
    """The fencing token that the loads of a hop show; the warehouse refuses it once it was shown a higher one."""

    token: Token
    hop: str

    @property
    def parameters(self) -> dict[str, str | int]:
        """What the statements about `dw.job_lease` are given."""
        return {"lease": self.token.lease, "hop": self.hop, "token": self.token.number}

    def check(self, highest: int | None) -> None:
        """Raise LeaseLost if `highest`, which the warehouse was shown, is above this token."""
        self.token.check(highest, f"the warehouse's load by hop {self.hop}")


class Warehouse(Protocol):
    """A place that takes loads.

    Methods raise SinkUnavailable where trying again later is right, and RowsRefused where the rows of a load are not.
    """

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the names of the migrations applied.

        Safe to call from several jobs at once. Raises PermanentFailure if an applied file has changed.
        """
        ...

    def columns(self, target: str) -> tuple[str, ...]:
        """The columns that loads of `target` must have."""
        ...

    def commit(self, loads: Sequence[Load]) -> int:
        """Take all of the loads or none, leaving out those that the ledger has; returns how many were new.

        Raises LeaseLost, and takes nothing, if another job with a higher token has loaded.
        """
        ...

    def try_out(self, load: Load) -> None:
        """Do what `commit` does with the load, and take it back. Raises what `commit` raises."""
        ...

    def last_batch(self, query: str) -> int | None:
        """The highest batch id of `query` in the ledger."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
