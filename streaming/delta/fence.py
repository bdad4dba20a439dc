"""Delta tables under a fencing token (see fencing.py): each of a job's commits carries its token.

A commit with `max_commit_retries=0` succeeds only as the very next version of the snapshot that was checked: delta-rs
would otherwise rebase an append on what another job committed in between, without looking at its token.
"""

from __future__ import annotations

from collections.abc import Mapping

from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError

from streaming.delta.hooks import AFTER_COMMIT
from streaming.fencing import Token

ATTEMPTS = 20


def properties(token: Token | None, marks: Mapping[str, int]) -> CommitProperties:
    """Commit properties with the token and these marks (numbers by name), for a commit on the present snapshot only."""
    numbers = {**marks, **({token.mark: token.number} if token else {})}
    return CommitProperties(
        app_transactions=[Transaction(name, number) for name, number in numbers.items()], max_commit_retries=0
    )


def check(table: DeltaTable, token: Token | None) -> None:
    """Raise LeaseLost if the snapshot has a higher token."""
    if token is not None:
        token.check(table.transaction_version(token.mark), f"table {table.table_uri}")


def show(table: DeltaTable, token: Token | None) -> None:
    """Commit the token to the table, unless it has it: from then on the table refuses every lower one.

    To be called before anything is read that decides what is written. Raises LeaseLost if the table has a higher token,
    and CommitFailedError if other programs commit first ATTEMPTS times.
    """
    if token is None:
        return
    for attempt in range(ATTEMPTS):
        table.update_incremental()
        check(table, token)
        if table.transaction_version(token.mark) == token.number:
            return
        try:
            _commit_nothing(table, token)
        except CommitFailedError:
            if attempt == ATTEMPTS - 1:
                raise


def _commit_nothing(table: DeltaTable, token: Token) -> None:
    table.create_write_transaction(
        [],
        mode="append",
        schema=table.schema(),
        partition_by=table.metadata().partition_columns,
        commit_properties=properties(token, {}),
        post_commithook_properties=AFTER_COMMIT,
    )
