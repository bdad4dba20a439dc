"""What changed in a keyed table since a version: its change feed, reduced to the last state of each key."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from streaming.delta.tables import plain, read
from streaming.tables.keyed_table import last_of_each

NEW_STATE = ("insert", "update_postimage", "delete")


@dataclass(frozen=True)
class Changes:
    """One row per key as of `version`, with a boolean column `deleted`; `complete`: they are the whole table."""

    rows: pa.Table
    version: int
    complete: bool


def changes(table: DeltaTable, keys: tuple[str, ...], since: int | None) -> Changes:
    """The rows that changed after version `since`; the whole table if `since` is None or its changes are vacuumed.

    The log must have the entry after `since` (see `log.in_log`).
    """
    version = table.version()
    if since is not None:
        try:
            feed = table.load_cdf(starting_version=since + 1, ending_version=version, allow_out_of_range=True)
            return Changes(_latest(plain(pa.table(feed)), keys), version, complete=False)
        except (DeltaError, pa.ArrowException):  # the feed is switched off, or vacuumed
            pass
    rows = read(table)
    return Changes(rows.append_column("deleted", pa.array([False] * rows.num_rows)), version, complete=True)


def _latest(feed: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The last state of each key. A key that the same version deletes and inserts exists afterwards."""
    feed = feed.filter(pc.is_in(feed["_change_type"], pa.array(NEW_STATE)))
    feed = feed.append_column("deleted", pc.equal(feed["_change_type"], "delete"))
    feed = feed.sort_by([("_commit_version", "ascending"), ("deleted", "descending")])
    return last_of_each(feed, keys)
