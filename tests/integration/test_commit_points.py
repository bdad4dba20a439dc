"""The sinks reach their commit points when the points say so: rows are where the sentence of each point has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from streaming import commit_points
from streaming.cli import create_tables
from streaming.delta.tables import open_table
from streaming.settings import Settings
from streaming.sinks.bronze import Bronze
from streaming.sinks.silver import Silver
from streaming.tables import bronze_events
from streaming.tables.parsed_events import parsed_events
from tests.builders import NOON, a_bronze_row, a_record
from tests.fake_champion import FakeChampion


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path) -> Settings:
    settings = Settings(lake=str(empty_lake), checkpoints=str(tmp_path / "checkpoints"), stream="events")
    create_tables(settings)
    return settings


@pytest.fixture
def spark(spark: SparkSession) -> Iterator[SparkSession]:
    spark.sparkContext.setLocalProperty("sql.streaming.queryId", "a query")
    yield spark
    commit_points.observe(None)


def versions(settings: Settings, *names: str) -> tuple[int, ...]:
    return tuple(open_table(settings, name).version() for name in names)


def observed(settings: Settings, *names: str) -> list[tuple[Any, ...]]:
    """A list that gains each point that is reached from now on, with the versions of the tables at that moment."""
    seen: list[tuple[Any, ...]] = []
    commit_points.observe(lambda point: seen.append((point, *versions(settings, *names))))
    return seen


def test_ingest_is_observed_on_both_sides_of_the_commit_to_bronze(spark: SparkSession, settings: Settings) -> None:
    (before,) = versions(settings, "bronze/events")
    seen = observed(settings, "bronze/events")
    columns = "data binary, stream string, partition_key string, sequence_number string, arrival_time timestamp"
    Bronze(spark, settings)(spark.createDataFrame([(bytearray(b"{}"), "events", "u1", "1", NOON)], columns), 0)
    assert seen == [("ingest.before_delta_commit", before), ("ingest.before_spark_commit", before + 1)]


def test_refine_is_observed_before_between_and_after_the_commits_of_its_tables(
    spark: SparkSession, settings: Settings
) -> None:
    posts, interactions = versions(settings, "silver/posts", "silver/interactions")
    seen = observed(settings, "silver/posts", "silver/interactions")
    rows = [a_bronze_row(a_record("post", event_id="p"), 1), a_bronze_row(a_record("interaction", event_id="i"), 2)]
    events = spark.createDataFrame(rows, bronze_events.SCHEMA).transform(parsed_events)
    Silver(spark, settings, FakeChampion())(events, 0)  # type: ignore[arg-type]
    names = [name for name, *_ in seen]
    assert names == ["refine.computed", "refine.between_tables", "refine.between_tables", "refine.written"]
    assert [sum(at) - posts - interactions for _, *at in seen] == [0, 0, 1, 2]
