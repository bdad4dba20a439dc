"""Where the lease lies: in a small Delta table, `LAKE/_lease`, whose commits decide who owns which hop.

A job takes its hops with one commit that carries each hop's new token as an application transaction. Delta's commit is
the conditional put that the whole lake relies on (a hard link locally, `If-None-Match` on S3) with the same client and
credentials as every table, so no second mechanism has to be trusted. Of two jobs that take the lease at once, one wins.
Beside the log lies one small file per owner, its sign of life, which only that owner writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deltalake import CommitProperties, DeltaTable, Field, Schema, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.schema import PrimitiveType

from streaming.delta.tables import location, storage_options
from streaming.files import Files
from streaming.lease.owner import Owner
from streaming.settings import HOPS, Settings

NAME = "_lease"


@dataclass(frozen=True)
class SignOfLife:
    """What an owner writes again and again: `beat` grows each time. `term`: seconds without a beat that mean death."""

    owner: Owner
    hops: tuple[str, ...]
    term: float
    beat: int = 0
    released: bool = False

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "owner": self.owner.as_json(), "hops": list(self.hops)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> SignOfLife:
        """From what `as_json` gave."""
        owner = Owner.from_json(found["owner"])
        return cls(owner, tuple(found["hops"]), found["term"], found["beat"], found["released"])


class LeaseStorage(Protocol):
    """What a lease needs of its storage. Methods raise OSError or DeltaError when the storage fails."""

    @property
    def id(self) -> str:
        """The lease's own id; a lake that was made anew has another."""
        ...

    def tokens(self) -> dict[str, int]:
        """The newest token of each hop that was ever owned."""
        ...

    def take(self, hops: Iterable[str], number: int) -> bool:
        """Give these hops the token `number`; False, and no change, if anybody took hops since `tokens`."""
        ...

    def sign(self, number: int) -> SignOfLife | None:
        """The last sign of life of the owner with this token."""
        ...

    def show(self, number: int, sign: SignOfLife) -> None:
        """Replace the sign of life of the owner with this token."""
        ...


class DeltaLease:
    """The lease of a lake, as a Delta table."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.table(NAME)
        self._files = Files(settings)
        self._table = DeltaTable.create(
            location(self._folder),
            schema=Schema([Field("hop", PrimitiveType("string"))]),
            mode="ignore",
            storage_options=storage_options(settings),
        )
        self.id = str(self._table.metadata().id)

    def tokens(self) -> dict[str, int]:
        """The newest token of each hop that was ever owned."""
        self._table.update_incremental()
        found = {hop: self._table.transaction_version(hop) for hop in HOPS}
        return {hop: number for hop, number in found.items() if number is not None}

    def take(self, hops: Iterable[str], number: int) -> bool:
        """Give these hops the token `number`; False, and no change, if anybody took hops since `tokens`."""
        marks = [Transaction(hop, number) for hop in hops]
        try:
            self._table.create_write_transaction(
                [],
                mode="append",
                schema=self._table.schema(),
                partition_by=[],
                commit_properties=CommitProperties(app_transactions=marks, max_commit_retries=0),
            )
        except CommitFailedError:
            return False
        return True

    def sign(self, number: int) -> SignOfLife | None:
        """The last sign of life of the owner with this token."""
        found = self._files.read_json(self._sign(number))
        return SignOfLife.from_json(found) if found else None

    def show(self, number: int, sign: SignOfLife) -> None:
        """Replace the sign of life of the owner with this token."""
        self._files.write_json(self._sign(number), sign.as_json())

    def _sign(self, number: int) -> str:
        return f"{self._folder}/owners/{number}.json"
