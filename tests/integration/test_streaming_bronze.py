"""bronze/events as the ingest hop writes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.sinks.bronze import Bronze
from tests.builders import NOON


def micro_batch(bronze: Bronze, spark: SparkSession, number: int) -> None:
    columns = "data binary, stream string, partition_key string, sequence_number string, arrival_time timestamp"
    record = (bytearray(b"{}"), "events", "u1", str(number), NOON)
    spark.sparkContext.setLocalProperty("sql.streaming.queryId", "ingest")
    bronze(spark.createDataFrame([record], columns), number)


def test_the_time_of_ingestion_never_falls_though_the_clock_does(
    spark: SparkSession, empty_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(lake=str(empty_lake), checkpoints="", stream="events")

    def clock_shows(moment: datetime) -> None:
        monkeypatch.setattr("streaming.sinks.bronze.time.time_ns", lambda: int(moment.timestamp()) * 10**9)

    bronze = Bronze(spark, settings)
    for number, (moment, writer) in enumerate(
        [
            (NOON, bronze),
            (NOON - timedelta(days=2), bronze),
            (NOON - timedelta(days=3), Bronze(spark, settings)),  # the next process
            (NOON + timedelta(seconds=1), bronze),
        ]
    ):
        clock_shows(moment)
        micro_batch(writer, spark, number)

    rows = read(open_table(settings, "bronze/events"), ["sequence_number", "ingested_at"]).sort_by("sequence_number")
    times = [moment.astimezone(UTC) for moment in rows["ingested_at"].to_pylist()]
    assert times == [NOON, NOON, NOON, NOON + timedelta(seconds=1)]


def test_a_batch_has_spark_compile_no_class_of_its_own(spark: SparkSession, empty_lake: Path) -> None:
    bronze = Bronze(spark, Settings(lake=str(empty_lake), checkpoints="", stream="events"))
    micro_batch(bronze, spark, 0)
    before = classes_compiled(spark)
    micro_batch(bronze, spark, 1)
    assert classes_compiled(spark) == before


def classes_compiled(spark: SparkSession) -> int:
    metrics = spark._jvm.org.apache.spark.metrics.source.CodegenMetrics  # type: ignore[union-attr]
    return int(metrics.METRIC_COMPILATION_TIME().getCount())
