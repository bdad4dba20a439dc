"""The load hop end to end: silver's Delta tables through Spark into PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from streaming.errors import SinkUnavailable
from streaming.hops import load
from streaming.settings import Settings
from streaming.tables import catalog
from tests.integration.conftest import Database
from tests.warehouse_rows import a_comment, a_post, a_profile, an_interaction

COUNTS = """
select (select count(*) from dw.fact_post), (select count(*) from dw.fact_comment),
    (select count(*) from dw.fact_interaction), (select count(*) from dw.dim_user)
"""


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path, database: Database) -> Settings:
    return Settings(
        lake=str(empty_lake),
        checkpoints=str(tmp_path / "checkpoints"),
        stream="events",
        warehouse=database.url,
        warehouse_password=database.password,
        load_trigger=0.1,
    )


def appended(spark: SparkSession, settings: Settings, name: str, *rows: Mapping[str, Any]) -> None:
    """Append to a silver table what the builders made."""
    parts = {"year": 2026, "month": 3, "day": 1, "raw": "{}", "sequence_number": "1", "record_index": 0}
    schema = catalog.APPENDED[name]
    complete = [parts | {"arrival_time": row["event_time"]} | row for row in rows]
    frame = spark.createDataFrame([tuple(row.get(field) for field in schema.names) for row in complete], schema)
    frame.coalesce(1).write.format("delta").mode("append").save(settings.table(name))


def loaded(spark: SparkSession, settings: Settings) -> None:
    """Run the hop until it has caught up."""
    query: Any = load.start(spark, settings)
    try:
        query.processAllAvailable()
    finally:
        query.stop()


def test_silver_arrives_once_through_restarts_and_a_lost_checkpoint(
    spark: SparkSession, settings: Settings, database: Database
) -> None:
    appended(spark, settings, "silver/posts", a_post(text="nul \0 byte"), a_post())
    appended(spark, settings, "silver/user_changes", a_profile(user_age=None))
    loaded(spark, settings)
    assert database.rows(COUNTS) == [(2, 0, 0, 1)]
    assert database.rows("select count(*) from dw.fact_post where text = 'nul  byte'") == [1]

    appended(spark, settings, "silver/comments", a_comment())
    appended(spark, settings, "silver/interactions", an_interaction(post_id="p1"), an_interaction())
    loaded(spark, settings)
    assert database.rows(COUNTS) == [(2, 1, 2, 1)]

    shutil.rmtree(settings.checkpoints)
    loaded(spark, settings)
    assert database.rows(COUNTS) == [(2, 1, 2, 1)]
    assert database.rows("select count(distinct query), sum(rows) from dw.load_ledger") == [(2, 12)]


def test_a_warehouse_that_is_down_does_not_let_the_hop_start(spark: SparkSession, settings: Settings) -> None:
    with pytest.raises(SinkUnavailable):
        load.start(spark, replace(settings, warehouse="postgresql://nobody@127.0.0.1:1/none"))
