"""Edits: of several versions of a text, the one with the latest event time counts, the others become history."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from streaming.corrections import keyed_tables
from streaming.delta.merge import created
from streaming.delta.tables import location, open_table, storage_options
from streaming.errors import OperationFailed
from streaming.retraction.items import KINDS, hashed
from streaming.settings import Settings
from streaming.tables import silver_comments, silver_posts
from streaming.tables.silver_former_versions import NAME, TABLE
from streaming.tables.silver_users import recency

TEXTS = (silver_posts.ENTITY, silver_comments.ENTITY)
ATTEMPTS = 10
COPIED = (
    "event_id",
    "event_time",
    "user_id",
    "text",
    "sentiment",
    "polarity",
    "confidence",
    "language",
    "model_version",
    "arrival_time",
)


def former(kind: str) -> Callable[[pa.Table], pa.Table]:
    """From the rows of some items to those that are not the newest version of theirs.

    A second row of the newest event is no version of its own, but a copy that came after the duplicate window.
    """
    column = KINDS[kind].column

    def chosen(rows: pa.Table) -> pa.Table:
        newest: dict[str, dict[str, Any]] = {}
        versions = rows.select([column, "event_id", "event_time", "sequence_number", "record_index"]).to_pylist()
        for row in versions:
            known = newest.get(row[column])
            if known is None or recency(row) > recency(known):
                newest[row[column]] = row
        old = [row["event_id"] != newest[row[column]]["event_id"] for row in versions]
        return rows.filter(pa.array(old, pa.bool_()))

    return chosen


def keep(settings: Settings, kind: str, rows: pa.Table) -> None:
    """Put rows of a table of texts into the history; may be repeated."""
    created(TABLE, location(settings.table(NAME)), storage_options(settings))
    ids, now = rows[KINDS[kind].column], datetime.now(UTC)
    own = {
        **{name: rows[name] for name in COPIED},
        "item": pa.chunked_array([hashed(kind, ids.to_pylist())]),
        "kind": pa.chunked_array([[kind] * rows.num_rows]),
        "item_id": ids,
        "replaced_at": pa.chunked_array([[now] * rows.num_rows]),
    }
    keyed_tables.upsert(settings, TABLE, TABLE.rows(own))


def forget(settings: Settings, items: Iterable[int]) -> None:
    """Delete the history of these items; may be repeated."""
    among = ", ".join(map(str, sorted(items)))
    for _ in range(ATTEMPTS):
        try:
            open_table(settings, NAME).delete(f"item IN ({among})")
        except TableNotFoundError:  # nothing was ever edited
            return
        except CommitFailedError:
            continue
        return
    raise OperationFailed(f"{NAME}: other processes keep changing it; try again")
