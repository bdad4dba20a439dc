"""What a batch takes of a Delta table at most."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession

from streaming.settings import Settings
from streaming.sources.delta import delta

MEGABYTE = 1024 * 1024


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A lake with a table of four files of nearly a megabyte each."""
    settings = Settings(lake=str(tmp_path / "lake"), checkpoints=str(tmp_path / "checkpoints"), stream="events")
    for _ in range(4):
        rows = pa.table({"data": pa.array([os.urandom(MEGABYTE - 20_000)], pa.binary())})
        write_deltalake(settings.table("silver/posts"), rows, mode="append")
    return settings


def batches(spark: SparkSession, settings: Settings) -> list[int]:
    """The rows of each batch until everything is read."""
    found: list[int] = []

    def take(rows: DataFrame, _: int) -> None:
        found.append(rows.count())

    query = (
        delta(spark, settings, "silver/posts")
        .writeStream.foreachBatch(take)
        .option("checkpointLocation", settings.checkpoint("reader"))
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    return found


def test_a_backlog_comes_in_batches_of_so_many_megabytes(spark: SparkSession, settings: Settings) -> None:
    """One batch of all would keep the next layer waiting until the whole backlog is through this one."""
    assert batches(spark, replace(settings, max_mb_per_batch=2)) == [3, 1]  # with the file that passes the bound


def test_a_backlog_comes_in_batches_of_so_many_files(spark: SparkSession, settings: Settings) -> None:
    assert batches(spark, replace(settings, max_files_per_batch=3)) == [3, 1]


def test_a_file_larger_than_the_bound_is_a_batch(spark: SparkSession, settings: Settings) -> None:
    rows = pa.table({"data": pa.array([os.urandom(3 * MEGABYTE)], pa.binary())})
    write_deltalake(settings.table("silver/posts"), rows, mode="append")
    assert sum(batches(spark, replace(settings, max_mb_per_batch=1))) == 5
