"""Looks up which events silver holds, by event id."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.tables import open_table, plain
from streaming.settings import Settings
from streaming.tables import (
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_user_changes,
)

ACCEPTED = (silver_posts.NAME, silver_comments.NAME, silver_interactions.NAME, silver_user_changes.NAME)


def present(settings: Settings, ids: Iterable[str]) -> set[str]:
    """Those of `ids` that any silver table holds. Reads one column a table; memory: a batch and the ids found."""
    wanted = pa.array(sorted(set(ids)), pa.string())
    found: set[str] = set()
    if not len(wanted):
        return found
    for name in ACCEPTED:
        for batch in open_table(settings, name).scan(columns=["event_id"]):
            column = plain(pa.table(batch))["event_id"]
            found.update(column.filter(pc.is_in(column, value_set=wanted)).to_pylist())
    return found
