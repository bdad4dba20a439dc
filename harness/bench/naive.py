"""Silver as Delta's documentation has it, for comparison: Spark appends, exactly once by `txnAppId` and `txnVersion`.

Run as `python -m harness.bench.naive ...` it is the streaming job with that sink, its tables one after the other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming import cli
from streaming.hops import refine
from streaming.scoring.champion import Champion
from streaming.settings import Settings
from streaming.tables.silver_catalog import TABLES


class SparkSilver:
    """Computes a batch once, then has Spark append to the tables side by side."""

    threads = len(TABLES)

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
                append = inheritable_thread_target(self._append)
                for write in [threads.submit(append, scored, batch, entity) for entity in entities]:
                    write.result()
        finally:
            scored.unpersist()

    def _append(self, scored: DataFrame, batch: int, entity: str) -> None:
        table = TABLES[entity]
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        partition = {"year": F.year(table.time), "month": F.month(table.time), "day": F.dayofmonth(table.time)}
        rows = scored.where(F.col("entity") == entity).withColumns(partition).select(*table.schema.names).coalesce(1)
        append = rows.write.format("delta").mode("append").option("mergeSchema", "true")
        append = append.option("txnAppId", f"{query}/{table.name}").option("txnVersion", batch)
        append.save(self._settings.table(table.name))


class NaiveSilver(SparkSilver):
    """The same, one table after the other."""

    threads = 1


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the streaming job with the naive sink."""
    return cli.main(argv, environ, {"refine": partial(refine.start, sink=NaiveSilver)})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
