"""Commits to keyed tables beside the running hops; a commit that conflicts with another one is tried again."""

from __future__ import annotations

import time

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from streaming.corrections.contributions import MEANS, ROUNDING, TABLES
from streaming.delta.merge import predicate
from streaming.delta.tables import open_table
from streaming.errors import OperationFailed
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable

ATTEMPTS = 20


def add_to_gold(settings: Settings, identity: str, gold: KeyedTable, rows: pa.Table) -> bool:
    """Add `rows` to a gold table in a commit that claims `identity`.

    False if an earlier commit has claimed it, or if there is no such table.
    """
    for attempt in range(ATTEMPTS):
        try:
            table = open_table(settings, gold.name)
        except TableNotFoundError:  # nothing was counted yet; the hop will count silver as it is then
            return False
        if table.transaction_version(identity) is not None:
            return False
        mark = CommitProperties(app_transactions=[Transaction(identity, 1)], max_commit_retries=0)
        try:
            _add(table, gold, rows, mark)
        except CommitFailedError:
            time.sleep(0.05 * attempt)
            continue
        return True
    raise OperationFailed(f"{gold.name}: other processes keep changing it; run the command again to finish")


def _add(table: DeltaTable, gold: KeyedTable, rows: pa.Table, mark: CommitProperties) -> None:
    merger = table.merge(
        rows,
        predicate(gold, rows),
        source_alias="source",
        target_alias="target",
        streamed_exec=False,
        commit_properties=mark,
    )
    (
        merger.when_matched_delete(_all_zero(gold, "target.{0} + source.{0}"))
        .when_matched_update(dict(gold.updates))
        .when_not_matched_insert_all()
        .execute()
    )


def _all_zero(gold: KeyedTable, value: str) -> str:
    """SQL: every sum of a row is 0. The count alone may be 0 before the hop has counted all rows."""
    sums = [(f"({value.format(name)})", kind) for name, kind in gold.values if name not in MEANS]
    # delta-rs would round the bound to an integer beside one.
    return " AND ".join(
        f"abs{each} < {ROUNDING}" if pa.types.is_floating(kind) else f"{each} = 0" for each, kind in sums
    )


def upsert(settings: Settings, target: KeyedTable, rows: pa.Table) -> None:
    """Merge rows (one per key) into a keyed table by its own rules; may be repeated."""
    for attempt in range(ATTEMPTS):
        merger = open_table(settings, target.name).merge(
            rows, predicate(target, rows), source_alias="source", target_alias="target", streamed_exec=False
        )
        merger = merger.when_matched_update(dict(target.updates), target.update_when)
        try:
            merger.when_not_matched_insert_all().execute()
        except CommitFailedError:
            time.sleep(0.05 * attempt)
            continue
        return
    raise OperationFailed(f"{target.name}: other processes keep changing it; try again")


def drop_empty(settings: Settings, name: str) -> int:
    """Delete the rows of a gold table whose sums are all 0; returns how many.

    Such rows remain if the aggregate hop counted rows only after they were corrected.
    """
    for _ in range(ATTEMPTS):
        try:
            return int(open_table(settings, name).delete(_all_zero(TABLES[name], "{0}"))["num_deleted_rows"])
        except TableNotFoundError:
            return 0
        except CommitFailedError:
            continue
    return 0
