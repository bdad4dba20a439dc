"""`moodstream bench refine` and `growth` in their smallest form, on real Spark and Delta."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from harness.bench import growth, refine
from harness.bench.baselines import NaiveSilver, from_json_columns
from harness.bench.embedded import Arrivals
from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from tests.fake_champion import FakeChampion


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path) -> Settings:
    checkpoints = str(tmp_path / "checkpoints")
    return Settings(
        lake=str(empty_lake), checkpoints=checkpoints, stream="bench", refine_trigger=0.1, aggregate_trigger=0.3
    )


def ignore(_what: str) -> None:
    pass


def test_refine_is_set_against_every_baseline(spark: SparkSession, settings: Settings) -> None:
    said: list[str] = []
    found = refine.measured(spark, settings, FakeChampion(), 50, 1, 1, said.append, warm_up=0)  # type: ignore[arg-type]
    assert set(found["rates"]) == {"refine", "unscored", "from_json", "passthrough", "txn_options"}
    assert all(rate > 0 for rate in found["rates"].values())
    assert found["refine_over_from_json"] == round(found["rates"]["refine"] / found["rates"]["from_json"], 2)
    assert list(found["stages_s"]) == ["parse", "deduplicate", "score", "write"]
    assert sum(found["stages_s"].values()) == pytest.approx(found["batch_s"]["refine"], abs=0.01)
    assert (found["rows"], found["rows_per_batch"], found["batches"]) == (50, 50, 1)
    assert len(said) == 8
    assert f"| refine | {found['rates']['refine']:,} |" in refine.markdown(found)


def test_the_from_json_baseline_rejects_an_event_whose_time_does_not_parse(spark: SparkSession) -> None:
    event = b'{"event_id": "1", "event_type": "post", "event_time": "yesterday", "payload": {}}'
    rows = spark.createDataFrame([(event,)], "data binary")
    for name, kind in (("arrival_time", "timestamp"), ("ingested_at", "timestamp"), ("sequence_number", "string")):
        rows = rows.withColumn(name, F.current_timestamp() if kind == "timestamp" else F.lit("1"))
    rows = rows.withColumns({"stream": F.lit("bench"), "partition_key": F.lit("u")})
    assert [row.entity for row in from_json_columns(rows).collect()] == ["rejected"]


def test_the_naive_sink_leaves_a_transaction_in_each_table(spark: SparkSession, settings: Settings) -> None:
    Arrivals(settings).arrive(60, 1.0)
    contender = refine.contenders(spark, settings, FakeChampion())["refine"]
    naive = NaiveSilver(spark, settings, FakeChampion())  # type: ignore[arg-type]
    stream = refine.bronze(spark, settings).transform(contender.transform).writeStream.foreachBatch(naive)
    query = stream.option("checkpointLocation", settings.checkpoint("naive")).trigger(availableNow=True).start()
    query.awaitTermination()
    posts = open_table(settings, "silver/posts")
    assert read(posts).num_rows > 0
    assert posts.transaction_version(f"{query.id}/silver/posts") == 0


def test_growth_compares_the_beginning_with_the_end(
    spark: SparkSession, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.hops.refine.Champion", lambda *_: FakeChampion())
    found = growth.measured(spark, settings, 2, 40, ignore, users=1000)
    assert read(open_table(settings, "silver/users"), ["user_id"]).num_rows >= found["users"] == 1000
    metrics = (
        "refine_batch_s",
        "aggregate_batch_s",
        "state_rows",
        "driver_heap_mb",
        "driver_python_mb",
        "jvm_cpu_s",
        "python_cpu_s",
    )
    for each in (*(found[name] for name in metrics), *found["files"].values()):
        assert set(each) == {"first", "last", "ratio"}
    assert {"silver/posts", "silver/users", "gold/sentiment_by_minute"} <= set(found["files"])
    assert found["state_rows"]["first"] > 0
    assert found["within"] is (not found["beyond"])
    assert_reads_well(growth.markdown(found))


def assert_reads_well(text: Any) -> None:
    assert "| refine_batch_s |" in text
    assert "| files of silver/posts |" in text
