"""How far the hop load has read the tables of silver, in a file of its checkpoint's folder.

The warehouse's ledger decides what is loaded next. This file is for programs that do not ask the warehouse: operations
that wait until rows are loaded, and the audit. It may lag behind the ledger, and is never ahead of it.
"""

from __future__ import annotations

from collections.abc import Mapping

from streaming.files import Files
from streaming.settings import Settings

HOP = "load"
FILE = "position.json"


def write(settings: Settings, unread_from: Mapping[str, int]) -> None:
    """Replace the positions: the id of each table, and the first version of it that is not loaded."""
    Files(settings).write_json(f"{settings.checkpoint(HOP)}/{FILE}", {"unread_from": dict(unread_from)})


def read(files: Files, checkpoints: str) -> dict[str, int]:
    """The positions below the folder of all checkpoints, by table id; none before the hop's first start."""
    found = files.read_json(f"{checkpoints}/{HOP}/{FILE}") or {"unread_from": {}}
    return {str(table): int(version) for table, version in found["unread_from"].items()}
