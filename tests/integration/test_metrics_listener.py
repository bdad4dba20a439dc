"""Metrics of real queries, as Spark's listener reports them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pyspark.sql import DataFrame, SparkSession

from streaming import metrics
from streaming.alerts.measured import Metric, NoMetrics
from streaming.metrics import QueryMetrics
from streaming.settings import Settings
from streaming.sinks.each_batch import named
from tests.patience import wait_until

SETTINGS = Settings("", "", "events")


class Measured(NoMetrics):
    """Metrics as a list."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []

    def put(self, *metrics: Metric) -> None:
        self.metrics += metrics

    def of(self, name: str, hop: str) -> list[float]:
        return [metric.value for metric in self.metrics if (metric.name, metric.hop) == (name, hop)]


class Broken(NoMetrics):
    """Metrics that always fail."""

    def put(self, *metrics: Metric) -> None:
        raise RuntimeError("no metrics today")


@contextmanager
def listening(spark: SparkSession, to: NoMetrics) -> Iterator[None]:
    listener = QueryMetrics(to)
    spark.streams.addListener(listener)
    yield
    spark.streams.removeListener(listener)


def five_rows(spark: SparkSession, name: str, fail: bool = False) -> None:
    def write(batch: DataFrame, number: int) -> None:
        if fail:
            raise ValueError("broken")
        batch.count()

    rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 5).load()
    query = rows.writeStream.queryName(name).foreachBatch(write).trigger(processingTime="100 milliseconds").start()
    try:
        query.processAllAvailable() if fail else _wait_for_batches(query)
    finally:
        query.stop()


def _wait_for_batches(query) -> None:  # type: ignore[no-untyped-def]
    wait_until(lambda: (query.lastProgress or {}).get("batchId", -1) >= 1, "two batches")


def eventually_some(measured: Measured, name: str, hop: str) -> list[float]:
    return wait_until(lambda: measured.of(name, hop), f"the metric {name}")


def test_batches_are_measured_and_starts_and_failures_logged(
    spark: SparkSession, caplog: pytest.LogCaptureFixture
) -> None:
    measured = Measured()
    with caplog.at_level(logging.INFO, logger="streaming.metrics"), listening(spark, measured):
        five_rows(spark, "measured")
        with pytest.raises(Exception, match="broken"):
            five_rows(spark, "measured", fail=True)
        wait_until(lambda: sum('"ended"' in record.message for record in caplog.records) >= 2, "two queries ended")
    assert eventually_some(measured, "InputRows", "measured")[0] == 5.0
    assert all(seconds > 0 for seconds in measured.of("BatchSeconds", "measured"))
    lines = [json.loads(record.message) for record in caplog.records if record.name == "streaming.metrics"]
    told = [line for line in lines if line["hop"] == "measured"]
    assert {line["event"] for line in told} == {"started", "batch", "ended"}
    assert "broken" in str([line["error"] for line in told if line["event"] == "ended"])


def test_metrics_that_fail_stop_no_query(spark: SparkSession) -> None:
    with listening(spark, Broken()):
        five_rows(spark, "unmeasured")


def test_without_a_namespace_metrics_go_to_the_log_alone(spark: SparkSession) -> None:
    assert isinstance(metrics.listen(spark, SETTINGS), NoMetrics)


def test_the_spark_ui_calls_a_batchs_jobs_by_hop_and_number(spark: SparkSession) -> None:
    def write(batch: DataFrame, number: int) -> None:
        batch.count()

    rows = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 5).load()
    named_write = named("refine", "bronze to silver", write)
    query = rows.writeStream.foreachBatch(named_write).trigger(processingTime="100 milliseconds").start()
    try:
        _wait_for_batches(query)
        jobs = spark._jvm.scala.collection.JavaConverters.seqAsJavaList(spark._jsc.sc().statusStore().jobsList(None))  # type: ignore[union-attr]
        # Other tests in this session run a hop of the same name. Spark cancels the jobs of a
        # query by their group, so ours must still be in the group that Spark named.
        ours = [job for job in jobs if job.jobGroup().isDefined() and job.jobGroup().get() == str(query.runId)]
        told = {job.description().get() for job in ours if job.description().isDefined()}
    finally:
        query.stop()
    assert {"refine, batch 0: bronze to silver", "refine, batch 1: bronze to silver"} <= told
