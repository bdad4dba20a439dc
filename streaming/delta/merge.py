"""Keyed tables as sinks: small MERGEs by delta-rs, tens of milliseconds each and no Spark job.

Guarantee: each micro-batch takes effect exactly once per table. A commit carries (query id, batch id) as a Delta
application transaction; a batch that the table already holds is skipped. The query id belongs to the checkpoint: a new
checkpoint is a new query, which reads silver from its beginning, so its batch 0 *replaces* the rows of the table
instead of adding to them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from streaming import batch_record
from streaming.delta import fence
from streaming.delta.hooks import AFTER_COMMIT
from streaming.delta.tables import add_missing_columns, location, storage_options
from streaming.fencing import Token
from streaming.settings import Settings
from streaming.tables.keyed_table import CHANGE_FEED, KeyedTable

log = logging.getLogger(__name__)

ATTEMPTS = 5
# Above this many partitions, use one overall time range: a longer predicate would cost more than it saves.
MAX_RANGES = 64
# Late events and appended rows leave small files behind, and each commit an entry of the log.
COMPACT_EVERY = 200


class KeyedMerge:
    """Merges the micro-batches of one query into one table.

    One thread at a time calls `apply`, with batch ids that never fall. Other writers (erasure, maintenance) may commit
    in between: the MERGE is then repeated on the new snapshot. Raises CommitFailedError if others commit first ATTEMPTS
    times, LeaseLost if another job has taken over, and DeltaError or OSError if the storage fails; the table then has
    all of the batch or nothing of it.
    """

    def __init__(
        self, table: KeyedTable, uri: str, options: Mapping[str, str], query: str, token: Token | None = None
    ) -> None:
        self._table = table
        self._query = query
        self._token = token
        self._delta = created(table, uri, options)
        fence.show(self._delta, token)
        self._applied = 0

    @property
    def last_batch(self) -> int | None:
        """The last batch of the query that the table holds; None before the first."""
        return self._delta.transaction_version(self._query)

    def apply(self, rows: pa.Table, batch: int) -> bool:
        """Merge `rows` (the table's schema, one row per key); returns False if the table already held the batch."""
        for attempt in range(ATTEMPTS):
            try:
                return self._attempt(rows, batch)
            except CommitFailedError:
                if attempt == ATTEMPTS - 1:
                    raise
                log.info("%s: another program committed first, merging batch %d again", self._table.name, batch)
        raise AssertionError("unreachable")

    def _attempt(self, rows: pa.Table, batch: int) -> bool:
        self._delta.update_incremental()
        fence.check(self._delta, self._token)
        last = self.last_batch
        if last is not None and last >= batch:
            return False
        mark = fence.properties(self._token, {self._query: batch})
        if batch == 0 and self._table.rebuilt:
            self._replace(rows, mark)
        elif rows.num_rows:
            self._merge(rows, mark)
        self._compact_sometimes()
        return True

    def _replace(self, rows: pa.Table, mark: CommitProperties) -> None:
        if self._delta.get_add_actions().num_rows:
            log.warning("%s is computed again: its rows belong to another checkpoint", self._table.name)
        write_deltalake(
            self._delta, rows, mode="overwrite", commit_properties=mark, post_commithook_properties=AFTER_COMMIT
        )
        batch_record.wrote(self._table.name, self._delta.version())

    def _merge(self, rows: pa.Table, mark: CommitProperties) -> None:
        merge = self._delta.merge(
            rows,
            predicate(self._table, rows),
            source_alias="source",
            target_alias="target",
            streamed_exec=False,
            commit_properties=mark,
            post_commithook_properties=AFTER_COMMIT,
        )
        updates = dict(self._table.updates)
        merge.when_matched_update(updates, self._table.update_when).when_not_matched_insert_all().execute()
        batch_record.wrote(self._table.name, self._delta.version())

    def _compact_sometimes(self) -> None:
        self._applied += 1
        if self._applied % COMPACT_EVERY:
            return
        try:
            self._delta.optimize.compact()
            self._delta.update_incremental()
            self._delta.cleanup_metadata()
        except DeltaError as error:
            log.info("%s: not compacted this time: %s", self._table.name, error)


def keyed_merge(settings: Settings, table: KeyedTable, query: str) -> KeyedMerge:
    """The sink of a query for a keyed table of the lake; raises LeaseLost if another job has taken over."""
    return KeyedMerge(table, location(settings.table(table.name)), storage_options(settings), query, settings.token)


def created(table: KeyedTable, uri: str, options: Mapping[str, str]) -> DeltaTable:
    """The table, which is created empty if there is none.

    An existing one, of an earlier release perhaps, gets the columns that it lacks, and the change feed goes on or off.
    """
    delta = DeltaTable.create(
        uri,
        schema=table.schema,
        mode="ignore",
        partition_by=list(table.partitions),
        configuration=dict(table.properties),
        storage_options=dict(options),
    )
    add_missing_columns(delta, Schema.from_arrow(table.schema))
    wanted = {CHANGE_FEED: table.properties[CHANGE_FEED]}
    if not wanted.items() <= delta.metadata().configuration.items():
        delta.alter.set_table_properties(wanted)
        delta.update_incremental()
    return delta


def predicate(table: KeyedTable, rows: pa.Table) -> str:
    """SQL: a target row and a source row have the same key; with ranges by which delta-rs skips all other files.

    The literals are computed integers and timestamps, never text of an event.
    """
    same = " AND ".join(f"target.{name} = source.{name}" for name in table.key_names)
    if table.time not in table.key_names:
        return same
    ranges = _ranges(table, rows)
    return f"({' OR '.join(ranges)}) AND {same}"


def _ranges(table: KeyedTable, rows: pa.Table) -> list[str]:
    spans = rows.group_by(list(table.partitions)).aggregate([(table.time, "min"), (table.time, "max")]).to_pylist()
    low, high = f"{table.time}_min", f"{table.time}_max"
    if len(spans) > MAX_RANGES:
        first, last = pc.min_max(rows[table.time]).as_py().values()
        return [_range(table, {}, first, last)]
    return [_range(table, {name: span[name] for name in table.partitions}, span[low], span[high]) for span in spans]


def _range(table: KeyedTable, partition: Mapping[str, int], low: Any, high: Any) -> str:
    conditions = [f"target.{name} = {value}" for name, value in partition.items()]
    conditions += [f"target.{table.time} >= '{low.isoformat()}'", f"target.{table.time} <= '{high.isoformat()}'"]
    return f"({' AND '.join(conditions)})"
