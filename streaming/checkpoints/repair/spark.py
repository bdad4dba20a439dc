"""Repairs of what every streaming query of Spark keeps: its id and its commits."""

from __future__ import annotations

import re

from streaming.checkpoints.damage import WRITES, Damage
from streaming.checkpoints.offsets import remove_commit, write_query_id
from streaming.checkpoints.repair.means import Means
from streaming.delta.log import transactions
from streaming.delta.tables import open_table
from streaming.files import Files
from streaming.settings import Settings

MAX_VERSIONS = 500
QUERY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def process_again(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Remove the commit that was cut off."""
    remove_commit(Files(settings), settings.checkpoint(damage.hop), damage.batch)
    return f"batch {damage.batch} counts as unfinished"


def restore_id(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Write the id under which a table holds the newest batch or the one before; if none does, a new id is right."""
    found = next((each for name in WRITES[damage.hop] if (each := _id_in(settings, name, damage.batch))), None)
    write_query_id(Files(settings), settings.checkpoint(damage.hop), found)
    return f"the id is {found}" if found else "no table holds the batch, so the query has a new id"


def _id_in(settings: Settings, name: str, batch: int) -> str | None:
    files, newest = Files(settings), open_table(settings, name).version()
    for version in range(newest, max(-1, newest - MAX_VERSIONS), -1):
        for mark, number in transactions(files, settings.table(name), version).items():
            if QUERY_ID.fullmatch(mark) and number in (batch, batch - 1):
                return mark
    return None
