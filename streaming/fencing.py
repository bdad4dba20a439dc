"""The fencing token: a number that a job's every commit carries, so that a job that lost the lake cannot change it.

A table or a warehouse remembers the highest token that it was shown and refuses lower ones. Tokens never fall, so what
a paused or cut-off job still sends after its successor's first commit is refused, however late it arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

from streaming.errors import LeaseLost


@dataclass(frozen=True)
class Token:
    """`number` grows with each job that takes the lease; `lease` is the lease's own id.

    A lake that was made anew has a new lease, whose numbers begin again: tokens of two leases are never compared.
    """

    lease: str
    number: int

    @property
    def mark(self) -> str:
        """The name under which a Delta table remembers the token, as an application transaction."""
        return f"lease/{self.lease}"

    def check(self, highest: int | None, where: str) -> None:
        """Raise LeaseLost if `where` was shown a higher number than this token's."""
        if highest is not None and highest > self.number:
            raise LeaseLost(
                f"{where} belongs to a newer job: this one holds token {self.number} and found {highest}; "
                "it stopped writing, and the newer job goes on"
            )
