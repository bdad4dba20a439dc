"""Append tables as sinks: creation, and commits of data files that are already written.

Both go through delta-rs: a commit changes only the log, which takes delta-rs 10 ms and Spark a job. On S3 its commit
is a conditional put, so writers can never overwrite each other's versions.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping, Sequence

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction
from pyspark.sql import Row
from pyspark.sql.types import StructType

from streaming import batch_record
from streaming.delta import fence
from streaming.delta.checksums import Checksums
from streaming.delta.hooks import AFTER_COMMIT
from streaming.delta.tables import add_missing_columns, location, open_table, storage_options
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS

log = logging.getLogger(__name__)

# A commit fails if any other program (erasure, maintenance, backfill) committed since its snapshot.
ATTEMPTS = 10
COMPACT_EVERY = 500
TARGET_BYTES = 64 * 1024 * 1024

PROPERTIES: Mapping[str, str] = {
    # Each reader lists the log since the last checkpoint; writing a checkpoint costs a job. 10 is Delta's default.
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 7 days",
    "delta.enableDeletionVectors": "false",
    # No statistics of columns: ranges of ids and texts skip no file, and would leave personal data in the log. Ranges
    # of only some columns are worse: delta-rs' `to_pyarrow_table(filters=...)` finds no row by a column without them.
    "delta.dataSkippingNumIndexedCols": "0",
}


def create(settings: Settings, name: str, schema: StructType, partitions: Sequence[str]) -> None:
    """Create an empty table if there is none; add the columns that an existing one lacks."""
    wanted = Schema.from_json(schema.json())
    table = DeltaTable.create(
        location(settings.table(name)),
        schema=wanted,
        mode="ignore",
        partition_by=list(partitions),
        configuration=dict(PROPERTIES),
        storage_options=storage_options(settings),
    )
    add_missing_columns(table, wanted)


class FileAppend:
    """Commits the data files of one query's micro-batches to one table, each batch exactly once.

    `foreachBatch` calls `holds`, then `commit`, in one thread at a time and with batch ids that never fall. A commit
    carries (query id, batch id) and the job's fencing token as Delta application transactions; before every attempt the
    table's newest snapshot is asked for both. Other programs (maintenance, erasure, backfill) may commit in between.
    What a job that lost the lease sends is refused with LeaseLost.
    """

    def __init__(self, settings: Settings, name: str, query: str, table: DeltaTable | None = None) -> None:
        """`table`: the open table, where that is not the one in the lake."""
        self._table = table or open_table(settings, name)
        self._token = settings.token
        fence.show(self._table, self._token)
        self._checksums = Checksums(Files(settings), settings.table(name))
        self._name = name
        self._query = query
        self._compacting = Compacting(settings, name)

    def holds(self, batch: int) -> bool:
        """Whether the table already has its share of `batch`; raises LeaseLost if another job has taken over."""
        self._table.update_incremental()
        fence.check(self._table, self._token)
        last = self._table.transaction_version(self._query)
        return last is not None and last >= batch

    def mark(self, name: str) -> int | None:
        """The number that any query last committed under this name; None if there was none."""
        return self._table.transaction_version(name)

    def commit(self, files: Sequence[Row], batch: int, marks: Mapping[str, int] | None = None) -> None:
        """Append `files` (rows of data_files.FILES), the table's share of `batch`; does nothing if there are none.

        `marks` are numbers by name, which `mark` returns later; a lower number than the table has is left out. Raises
        LeaseLost if another job has taken over, and CommitFailedError if the table got the batch since `holds`
        was asked, or if other programs commit first ATTEMPTS times.
        """
        if files:
            self._commit(files, batch, marks or {}, checked=False)

    def commit_unless_held(self, files: Sequence[Row], batch: int) -> None:
        """Append the table's share of `batch`, unless it has it: `holds` and `commit` with one look at the log."""
        if files and not self.holds(batch):
            self._commit(files, batch, {}, checked=True)

    def _commit(self, files: Sequence[Row], batch: int, marks: Mapping[str, int], *, checked: bool) -> None:
        """`checked`: `holds` has just been asked, so that the first attempt need not ask again."""
        for attempt in range(ATTEMPTS):
            if not (checked and attempt == 0) and self.holds(batch):
                self._tell_whose(batch, attempt)
                break
            try:
                self._append(files, fence.properties(self._token, {**self._risen(marks), self._query: batch}))
            except CommitFailedError:
                if attempt == ATTEMPTS - 1:
                    raise
                log.info("%s: another program committed first, appending batch %d again", self._name, batch)
            else:
                break
        self._table.update_incremental()
        batch_record.wrote(self._name, self._table.version())
        self._checksums.after(self._table, [file.size for file in files])
        self._compacting.committed()

    def _tell_whose(self, batch: int, attempt: int) -> None:
        """Only after an attempt, and under our own token, can the batch be our own commit whose answer was lost."""
        if attempt == 0:
            raise CommitFailedError(
                f"{self._name}: batch {batch} was committed by another query of this job; this one's rows are left out"
            )

    def _risen(self, marks: Mapping[str, int]) -> dict[str, int]:
        return {name: max(number, self.mark(name) or number) for name, number in marks.items()}

    def _append(self, files: Sequence[Row], properties: CommitProperties) -> None:
        self._checksums.before(self._table)
        self._table.create_write_transaction(
            [_add(file) for file in files],
            mode="append",
            schema=self._table.schema(),
            partition_by=list(PARTITIONS),
            commit_properties=properties,
            post_commithook_properties=AFTER_COMMIT,
        )


class Compacting:
    """Merges a table's small files in a thread beside its writer, whose commits take 8 us for each file of the table.

    Then removes the log's expired entries.

    Streaming readers skip such a commit, and appends do not conflict with it. One group of files of TARGET_BYTES in all
    is in memory at a time; files of that size are not touched, so the work does not grow with the table.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._commits = 0
        self._thread: threading.Thread | None = None

    def committed(self) -> None:
        """Count a commit; after every COMPACT_EVERY commits start a round, unless one is still running."""
        self._commits += 1
        if self._commits % COMPACT_EVERY or (self._thread is not None and self._thread.is_alive()):
            return
        self._thread = threading.Thread(target=self._compact, name=f"compact {self._name}", daemon=True)
        self._thread.start()

    def _compact(self) -> None:
        try:
            table = open_table(self._settings, self._name)
            table.optimize.compact(target_size=TARGET_BYTES, max_concurrent_tasks=1)
            table.cleanup_metadata()
        except Exception as error:  # the next round, or `moodstream maintain`, tries again
            log.info("%s: not compacted this time: %s", self._name, error)


def _add(file: Row) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.size,
        partition_values=json.loads(file.partition),
        modification_time=file.modified,
        data_change=True,
        stats=file.statistics,
    )
