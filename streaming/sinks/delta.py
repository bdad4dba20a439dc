"""Delta tables as sinks.

`create` makes a table with its schema and properties. `ReplaySafeAppend` appends micro-batches exactly once without
asking the table for its transaction ids at each commit: that look-up rebuilds the table's snapshot and triples the cost
of a small commit. Only the first batch after a start of a query can be a replay, so only that one is looked up, by the
batch id that each commit carries in its `userMetadata`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from delta.tables import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

# How many commits to look back for the last one of a query; maintenance and erasure commit to the same tables.
LOOK_BACK = (20, 200, 10_000)

PROPERTIES: Mapping[str, str] = {
    # Each reader lists the log from the last checkpoint on; writing one costs a job. 10 is Delta's default.
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 7 days",
    "delta.enableDeletionVectors": "false",
}


def create(spark: SparkSession, path: str, schema: StructType, partitions: Sequence[str], **properties: str) -> None:
    """Make an empty table unless there is one; an existing one is left as it is."""
    if DeltaTable.isDeltaTable(spark, path):
        return
    builder = DeltaTable.createIfNotExists(spark).location(path).addColumns(schema)
    builder = builder.partitionedBy(*partitions)
    for key, value in {**PROPERTIES, **properties}.items():
        builder = builder.property(key, value)
    builder.execute()


class ReplaySafeAppend:
    """Appends the micro-batches of one query to one table, each exactly once.

    `write` is called by one thread at a time with batch ids that never go back, as `foreachBatch` does. A process that
    dies between two tables of a batch replays the batch; tables that hold it already are left alone.
    """

    def __init__(self, spark: SparkSession, path: str, query: str) -> None:
        self._spark = spark
        self._path = path
        self._query = query
        self._checked = False

    def write(self, rows: DataFrame, batch: int) -> bool:
        """Append `rows` as the table's share of `batch`; False if the table held it already."""
        if not self._checked and self._last_batch() >= batch:
            return False
        self._checked = True
        mark = json.dumps({"query": self._query, "batch": batch})
        rows.write.format("delta").mode("append").option("userMetadata", mark).option("mergeSchema", "true").save(
            self._path
        )
        return True

    def _last_batch(self) -> int:
        table = DeltaTable.forPath(self._spark, self._path)
        for limit in LOOK_BACK:
            history = table.history(limit).where(F.col("userMetadata").isNotNull()).select("version", "userMetadata")
            marks = [json.loads(row.userMetadata) for row in history.orderBy(F.desc("version")).collect()]
            batches = [mark["batch"] for mark in marks if mark.get("query") == self._query]
            if batches:
                return int(max(batches))
        return -1
