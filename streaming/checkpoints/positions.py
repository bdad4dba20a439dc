"""How far the hops without a Spark query have read the tables of silver, in a file of each checkpoint's folder.

What such a hop does next is decided by the ledger of what it has done. This file is for programs that do not ask there:
operations that wait until rows are read, and the audit. It may lag behind, and is never ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streaming.files import Files
from streaming.settings import Settings

UPSERT, LOAD, RETRACT = "upsert", "load", "retract"
HOPS = (UPSERT, LOAD, RETRACT)
FILE = "position.json"


class Position(NamedTuple):
    """`unread_from`: by table id, the first version that the hop is not done with.

    `pending`: how many things it has yet to do about what it has read.
    """

    unread_from: Mapping[str, int]
    pending: int = 0


def write(settings: Settings, hop: str, position: Position) -> None:
    """Replace the position of a hop."""
    content = {"unread_from": dict(position.unread_from), "pending": position.pending}
    Files(settings).write_json(f"{settings.checkpoint(hop)}/{FILE}", content)


def read(files: Files, checkpoints: str, hop: str) -> Position:
    """The position of a hop below the folder of all checkpoints; empty before the hop's first start."""
    found = files.read_json(f"{checkpoints}/{hop}/{FILE}") or {"unread_from": {}}
    return Position(
        {str(table): int(version) for table, version in found["unread_from"].items()}, found.get("pending", 0)
    )
