"""bronze/events as a sink, written in the same pass that reads Kinesis.

Guarantee: exactly once. What a micro-batch holds is decided while it is read, and a second reading holds other records.
So there is one action per batch, and none for a batch that the table holds already (the process died between this
commit and Spark's); a batch that was read but not committed is read anew, from where the last committed one ended.

`ingested_at` never falls, whatever the machine's clock does: duplicates are bounded by it, and rows from a clock that
was set back by more than that window would be dropped as late.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from streaming import commit_points
from streaming.delta import tables as delta_rs
from streaming.delta.append import FileAppend
from streaming.delta.data_files import FILES, DataFiles, Target
from streaming.settings import Settings
from streaming.tables import bronze_events
from streaming.tables.columns import PARTITIONS

RECORD = "record"
# The mark of the latest `ingested_at`, in microseconds since 1970.
LATEST = "ingested_at"


class Bronze:
    """Writes the micro-batches of the ingest query; made anew for each start of it."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self._spark = spark
        self._settings = settings
        self._append: FileAppend | None = None
        self._latest = 0
        columns = [field for field in to_arrow_schema(bronze_events.SCHEMA) if field.name not in PARTITIONS]
        uri = delta_rs.location(settings.table(bronze_events.NAME))
        target = Target(uri, pa.schema(columns), bronze_events.TIME)
        self._write = DataFiles({RECORD: target}, delta_rs.storage_options(settings))

    def __call__(self, records: DataFrame, batch: int) -> None:
        """Append `records` (rows of bronze_events); what `foreachBatch` calls."""
        if self._append is None:
            query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
            self._append = FileAppend(self._settings, bronze_events.NAME, query)
            self._latest = self._append.mark(LATEST) or 0
        if not self._append.holds(batch):
            self._latest = max(self._latest, time.time_ns() // 1000)
            files = self._written(records)
            commit_points.reached("ingest.before_delta_commit")
            self._append.commit(files, batch, {LATEST: self._latest})
            commit_points.reached("ingest.before_spark_commit")

    def _written(self, records: DataFrame) -> list[Row]:
        return records.mapInArrow(Stamped(self._latest, self._write), FILES).collect()


@dataclass(frozen=True)
class Stamped:
    """Gives the records of a micro-batch their `ingested_at`, in microseconds since 1970, then writes them.

    Can be pickled, as `write` must be. A column of Spark would do the same, but its value would stand in the code that
    Spark generates: another class to compile, and for the JVM to optimize, in each batch.
    """

    ingested_at: int
    write: DataFiles

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The files that were written; `mapInArrow` calls this."""
        yield from self.write(map(self._stamped, batches))

    def _stamped(self, records: pa.RecordBatch) -> pa.RecordBatch:
        now = pa.scalar(self.ingested_at, pa.timestamp("us", tz="UTC"))
        stamped = records.append_column("ingested_at", pa.repeat(now, records.num_rows))
        return stamped.append_column("entity", pa.repeat(RECORD, records.num_rows))
