"""Operations beside running queries: nothing is emitted twice, nothing is lost, gold stays right."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable, Field
from deltalake.schema import PrimitiveType
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from streaming.corrections import readers
from streaming.hops import aggregate, upsert
from streaming.operations import maintain
from streaming.operations.erase import command as erase
from streaming.settings import Settings
from streaming.sources.delta import delta
from tests.builders import a_record, an_event
from tests.gold_without_spark import assert_same, gold_of, gold_of_silver
from tests.lake_rows import refined, rows_of, run, settings_of

POSTS = "silver/posts"


@pytest.fixture
def settings(empty_lake: Path) -> Settings:
    return settings_of(empty_lake, aggregate_trigger=0.1, upsert_interval=0.1)


@pytest.fixture
def running(spark: SparkSession) -> Iterator[list[Any]]:
    """Queries that a test starts, stopped after it."""
    queries: list[Any] = []
    yield queries
    for query in queries:
        query.stop()


def posts_of(user: str, *names: str, **fields: Any) -> list[bytes]:
    return [
        a_record("post", {"user_id": user, "text": f"#{user} says hello"}, event_id=name, **fields) for name in names
    ]


def test_a_reader_sees_each_row_once_through_maintenance_and_erasure(
    spark: SparkSession, settings: Settings, empty_lake: Path, running: list[Any]
) -> None:
    seen: list[str] = []

    def take(batch: DataFrame, _: int) -> None:
        seen.extend(row.event_id for row in batch.select("event_id").collect())

    refined(empty_lake, *posts_of("ann", "a1", "a2"), *posts_of("bob", "b1"))
    refined(empty_lake, *posts_of("ann", "a3"), *posts_of("bob", "b2"), first_number=10)
    query = (
        delta(spark, settings, POSTS)
        .writeStream.foreachBatch(take)
        .option("checkpointLocation", settings.checkpoint("watcher"))
        .trigger(processingTime="100 milliseconds")
        .start()
    )
    running.append(query)
    query.processAllAvailable()
    run(maintain.main, lake=empty_lake)
    for expire in (False, True):  # as for a query that is down
        maintain._let_log_expire(DeltaTable(str(empty_lake / POSTS)), expire)
    code, receipt = run(erase.main, "--user", "ann", "--wait", "60", lake=empty_lake)
    assert (code, receipt["complete"]) == (0, True)
    refined(empty_lake, *posts_of("bob", "b3"), first_number=20)
    query.processAllAvailable()
    assert sorted(seen) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert readers.positions(settings, DeltaTable(str(empty_lake / POSTS)))["watcher"] > 0


def test_gold_stays_right_beside_the_running_aggregate_hop(
    spark: SparkSession, settings: Settings, empty_lake: Path, tmp_path: Path, running: list[Any]
) -> None:
    refined(empty_lake, a_record("user", {"user_id": "ann"}, event_id="u1"), *posts_of("ann", "a1", "a2"))
    query = aggregate.start(spark, settings)
    running += [query, upsert.start(spark, settings)]
    query.processAllAvailable()
    for number in range(3):
        refined(
            empty_lake,
            *posts_of("ann", f"a-{number}"),
            *posts_of("bob", f"b-{number}"),
            b"{",
            first_number=100 * (number + 1),
        )
    assert run(erase.main, "--user", "ann", "--wait", "120", lake=empty_lake)[0] == 0
    refined(empty_lake, *posts_of("bob", "last"), first_number=900)
    query.processAllAvailable()
    assert_same(gold_of(empty_lake), gold_of_silver(empty_lake, tmp_path / "scratch"))
    assert rows_of(empty_lake, "silver/users") == []


def test_events_of_all_schema_versions_flow_while_a_table_gains_a_column(
    spark: SparkSession, settings: Settings, empty_lake: Path, tmp_path: Path, running: list[Any]
) -> None:
    old, new = posts_of("ann", "v1"), posts_of("ann", "v2", schema_version=2, trace={"app": "ios"})
    refined(
        empty_lake,
        *old,
        json.dumps([an_event(event_id="v1-in-array"), an_event(event_id="v3", schema_version=3)]).encode(),
        *new,
    )
    query = aggregate.start(spark, settings)
    running.append(query)
    query.processAllAvailable()
    DeltaTable(str(empty_lake / POSTS)).alter.add_columns([Field("of_a_later_release", PrimitiveType("string"))])
    refined(empty_lake, *posts_of("ann", "after"), first_number=50)
    try:
        query.processAllAvailable()
    except StreamingQueryException:  # a reader must see the new schema: its hop is started again by the supervisor
        query = aggregate.start(spark, settings)
        running.append(query)
        query.processAllAvailable()
    rows = {row["event_id"]: row for row in rows_of(empty_lake, POSTS)}
    assert {name: row["schema_version"] for name, row in rows.items()} == {
        "v1": 1,
        "v1-in-array": 1,
        "v2": 2,
        "v3": 3,
        "after": 1,
    }
    assert json.loads(rows["v2"]["raw"])["trace"] == {"app": "ios"}
    assert rows["after"]["of_a_later_release"] is None
    assert_same(gold_of(empty_lake), gold_of_silver(empty_lake, tmp_path / "scratch"))
