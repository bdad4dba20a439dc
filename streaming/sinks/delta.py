"""Delta tables as sinks.

Spark writes rows; what concerns the log alone (creating a table, looking up its history) goes through delta-rs, which
takes 10 ms for what is a Spark job otherwise. `ReplaySafeAppend` appends micro-batches exactly once without
asking the table for its transaction ids at each commit: that look-up rebuilds the table's snapshot and triples the cost
of a small commit. Only the first batch after a start of a query can be a replay, so only that one is looked up, by the
batch id that each commit carries in its `userMetadata`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from deltalake import DeltaTable, Schema
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from streaming.settings import Settings
from streaming.sources import delta_rs

# How many commits to look back for the last one of a query; maintenance and erasure commit to the same tables.
LOOK_BACK = (20, 200, 10_000)

PROPERTIES: Mapping[str, str] = {
    # Each reader lists the log from the last checkpoint on; writing one costs a job. 10 is Delta's default.
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 7 days",
    "delta.enableDeletionVectors": "false",
}


def create(settings: Settings, name: str, schema: StructType, partitions: Sequence[str]) -> None:
    """Make an empty table unless there is one; an existing one is left as it is."""
    DeltaTable.create(
        delta_rs.location(settings.table(name)),
        schema=Schema.from_json(schema.json()),
        mode="ignore",
        partition_by=list(partitions),
        configuration=dict(PROPERTIES),
        storage_options=delta_rs.storage_options(settings),
    )


class ReplaySafeAppend:
    """Appends the micro-batches of one query to one table, each exactly once.

    `write` is called by one thread at a time with batch ids that never go back, as `foreachBatch` does. A process that
    dies between two tables of a batch replays the batch; tables that hold it already are left alone.
    """

    def __init__(self, settings: Settings, name: str, query: str) -> None:
        self._settings = settings
        self._name = name
        self._query = query
        self._checked = False

    def write(self, rows: DataFrame, batch: int) -> bool:
        """Append `rows` as the table's share of `batch`; False if the table held it already."""
        if not self._checked and self._last_batch() >= batch:
            return False
        self._checked = True
        mark = json.dumps({"query": self._query, "batch": batch})
        append = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        append.option("userMetadata", mark).save(self._settings.table(self._name))
        return True

    def _last_batch(self) -> int:
        table = delta_rs.open_table(self._settings, self._name)
        for limit in LOOK_BACK:
            marks = [json.loads(commit.get("userMetadata") or "{}") for commit in table.history(limit)]
            batches = [mark["batch"] for mark in marks if mark.get("query") == self._query]
            if batches:
                return int(max(batches))
        return -1
