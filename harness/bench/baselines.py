"""What the refine hop is measured against: a sink and a parser as the documentation of Delta and Spark has them.

Run as `python -m harness.bench.baselines ...` it is the streaming job with the sink NaiveSilver.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pyarrow as pa
from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from moodstream import exit_code_of
from streaming import cli
from streaming.events.contract import FIELDS
from streaming.hops import refine
from streaming.scoring.champion import Champion
from streaming.settings import Settings
from streaming.tables.catalog import SILVER
from streaming.tables.columns import LANGUAGE_FIELDS, SENTIMENT_FIELDS
from streaming.tables.parsed_events import PAYLOAD, REJECTED, SCHEMA

_PAYLOAD = ", ".join(f"{name} {'int' if name == 'user_age' else 'string'}" for name in PAYLOAD)
EVENT = f"event_id string, event_type string, schema_version int, event_time timestamp, payload struct<{_PAYLOAD}>"
KEPT = ("arrival_time", "ingested_at", "sequence_number", "stream", "partition_key", "data")


class SparkSilver:
    """Silver with Delta's own idempotence: Spark appends to the tables side by side, by `txnAppId` and `txnVersion`.

    The batch is computed once.
    """

    threads = len(SILVER)

    def __init__(self, spark: SparkSession, settings: Settings, champion: Champion) -> None:
        self._spark = spark
        self._settings = settings
        self._champion = champion

    def __call__(self, events: DataFrame, batch: int) -> None:
        """Score `events` and append them; what `foreachBatch` calls."""
        scored = self._champion.score(events, batch).persist()
        try:
            entities = [row.entity for row in scored.groupBy("entity").count().collect()]
            with ThreadPoolExecutor(self.threads) as threads:
                append = inheriting(self._append)
                for write in [threads.submit(append, scored, batch, entity) for entity in entities]:
                    write.result()
        finally:
            scored.unpersist()

    def _append(self, scored: DataFrame, batch: int, entity: str) -> None:
        table = SILVER[entity]
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        partition = {"year": F.year(table.time), "month": F.month(table.time), "day": F.dayofmonth(table.time)}
        rows = scored.where(F.col("entity") == entity).withColumns(partition).select(*table.schema.names).coalesce(1)
        append = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        append = append.option("txnAppId", f"{query}/{table.name}").option("txnVersion", batch)
        append.save(self._settings.table(table.name))


def inheriting(target: Callable[..., None]) -> Callable[..., None]:
    """A thread's target with the local properties that the calling thread has now: the query's id, the hop's pool."""
    with warnings.catch_warnings():
        # Spark 4 warns that the tags of the session are not inherited. The job sets none.
        warnings.filterwarnings("ignore", message="Spark session is not provided", category=UserWarning)
        return inheritable_thread_target(target)


class NaiveSilver(SparkSilver):
    """The same sink, but one table after the other."""

    threads = 1


def from_json(window: str) -> Callable[[DataFrame], DataFrame]:
    """Bronze rows to the columns of `parsed_events` by Spark's own `from_json`: no strict checks, no arrays of events.

    Keeps the first copy of each event within `window`.
    """

    def first_of_each(bronze: DataFrame) -> DataFrame:
        rows = bronze.transform(from_json_columns)
        return rows.withWatermark("ingested_at", window).dropDuplicatesWithinWatermark(["duplicate_key"])

    return first_of_each


def from_json_columns(bronze: DataFrame) -> DataFrame:
    """One row (parsed_events.SCHEMA) per bronze row."""
    raw = F.col("data").cast("string")
    event = bronze.select(*KEPT, raw.alias("raw"), F.from_json(raw, EVENT).alias("event"))
    # A table is partitioned by the day of its events: an event without a time can only be a rejected one.
    known = F.col("event.event_type").isin(*FIELDS) & F.col("event.event_time").isNotNull()
    columns = {
        # `otherwise` also takes the rows for which the condition is null.
        "entity": F.when(known, F.col("event.event_type")).otherwise(REJECTED),
        "duplicate_key": F.coalesce("event.event_id", "sequence_number"),
        **{name: F.col(f"event.{name}") for name in ("event_id", "event_time", "schema_version")},
        **{name: F.col(f"event.payload.{name}") for name in PAYLOAD},
        "record_index": F.lit(0),
        "reason": F.lit(None).cast("string"),
        **{name: F.lit(None).cast("string") for name in ("detail", "source", "record_digest")},
    }
    return event.withColumns(columns).select(*SCHEMA.names)


def unscored(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches with empty columns of a score."""
    fields = to_arrow_schema(StructType([*SENTIMENT_FIELDS, *LANGUAGE_FIELDS]))
    for batch in batches:
        nulls = [pa.nulls(batch.num_rows, field.type) for field in fields]
        yield pa.RecordBatch.from_arrays([*batch.columns, *nulls], [*batch.schema.names, *fields.names])


class Unscored:
    """Takes the champion's place and leaves every sentiment null."""

    def scorer(
        self, _batch: int, *, each: bool = False
    ) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
        """Adds the columns of a score without a value; nothing fails, so `each` makes no difference."""
        del each
        return unscored

    def fall_back(self, _batch: int, _why: str) -> bool:
        """False: there is no other version."""
        return False


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the streaming job with the naive sink."""
    return cli.main(argv, environ, {"refine": partial(refine.start, sink=NaiveSilver)})


if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream stream", main, sys.argv[1:], os.environ))
