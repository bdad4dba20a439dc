"""Whether a correction's difference may be added to gold: only if gold counts the rows that the correction takes out.

`aggregate` begins with a snapshot of silver, and its first batch replaces gold. A row that leaves silver before the
snapshot is never counted; a difference that comes before that batch's commit is replaced with the rest of gold. So a
correction waits until the first batch is committed, and `aggregate` does not begin one while a correction is under way
(hops/aggregate.py). Each side writes first, here the journal, there the query's id, and then looks for what the other
one has written: at least one of two that meet sees the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from deltalake.exceptions import TableNotFoundError

from streaming.checkpoints import offsets
from streaming.delta.tables import open_table
from streaming.errors import OperationFailed
from streaming.files import Files
from streaming.settings import Settings

HOP = "aggregate"


class NotCounted(OperationFailed):
    """A correction came before `aggregate` had counted anything; nothing has changed."""


def check(settings: Settings, names: Iterable[str]) -> None:
    """Raises NotCounted if rows of these silver tables must not change yet.

    A query that has never begun counts what silver is when it begins, so there is nothing to wait for.
    """
    files, checkpoint = Files(settings), settings.checkpoint(HOP)
    if offsets.query_id(files, checkpoint) is None:
        return
    planned, done = offsets.batches(files, checkpoint)
    plan = offsets.plan_before(files, checkpoint, max(planned) + 1) if done else None
    begun = {each.table_id for each in plan.delta_offsets()} if plan else set[str]()
    missing = [name for name in names if _rows_of_another(settings, name, begun)]
    if missing:
        raise NotCounted(
            f"{HOP} has yet to count {', '.join(missing)} for the first time; an operation must be run again once gold "
            "has their rows"
        )


def _rows_of_another(settings: Settings, name: str, begun: set[str]) -> bool:
    """Whether the table has rows, and the query has not begun to read it."""
    try:
        table = open_table(settings, name)
    except TableNotFoundError:
        return False
    return str(table.metadata().id) not in begun and bool(table.file_uris())
