"""bronze to silver on real Spark and Delta: parsing, duplicates, scoring, replays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from streaming.settings import Settings
from streaming.sinks.silver import Silver
from streaming.sources.delta import delta
from streaming.tables import bronze_events, catalog, parsed_events
from streaming.tables.catalog import SILVER
from tests.builders import NOON, a_bronze_row, a_record
from tests.fake_champion import FakeChampion


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path) -> Settings:
    return Settings(lake=str(empty_lake), checkpoints=str(tmp_path / "checkpoints"), stream="events")


def arrive(spark: SparkSession, settings: Settings, rows: Sequence[dict[str, Any]]) -> None:
    frame = spark.createDataFrame(rows, bronze_events.SCHEMA)
    frame.write.format("delta").mode("append").save(settings.table("bronze/events"))


def refine(spark: SparkSession, settings: Settings, sink: Any) -> None:
    """Run the query until it has caught up with bronze."""
    (
        delta(spark, settings, bronze_events.NAME)
        .transform(parsed_events.parsed_events)
        .transform(parsed_events.without_duplicates("24 hours"))
        .writeStream.foreachBatch(sink)
        .option("checkpointLocation", settings.checkpoint("refine"))
        .trigger(availableNow=True)
        .start()
        .awaitTermination()
    )


def rows_of(spark: SparkSession, settings: Settings, name: str) -> list[Any]:
    return spark.read.format("delta").load(settings.table(name)).orderBy("event_id").collect()


def counts(spark: SparkSession, settings: Settings) -> dict[str, int]:
    return {
        name: len(rows_of(spark, settings, name))
        for name in catalog.APPENDED
        if name.startswith("silver/") and name != "silver/users"
    }


ONE_OF_EACH = [
    a_record("post", event_id="a"),
    a_record("comment", event_id="b"),
    a_record("interaction", event_id="c"),
    a_record("user", event_id="d"),
    b"\xff",
    a_record("deletion", {"target_type": "post", "target_id": "p9"}, event_id="f", schema_version=2),
]


def test_each_event_goes_to_its_table(spark: SparkSession, settings: Settings) -> None:
    arrive(spark, settings, [a_bronze_row(data, number) for number, data in enumerate(ONE_OF_EACH)])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert set(counts(spark, settings).values()) == {1}
    (post,) = rows_of(spark, settings, "silver/posts")
    assert (post.post_id, post.text, post.sentiment, post.model_version) == ("p1", "what a good day", "positive", "1")
    assert (post.year, post.month, post.day, post.sequence_number) == (2026, 1, 1, f"{0:030d}")
    assert json.loads(post.raw)["event_id"] == "a"
    (rejected,) = rows_of(spark, settings, "silver/rejected")
    assert (rejected.reason, bytes(rejected.data), rejected.record_index) == ("not_utf8", b"\xff", 0)


def test_copies_of_an_event_are_dropped_within_a_batch_and_across_batches(
    spark: SparkSession, settings: Settings
) -> None:
    arrive(spark, settings, [a_bronze_row(a_record(), number) for number in range(3)])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    arrive(spark, settings, [a_bronze_row(a_record(), 3, NOON + timedelta(hours=23))])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert len(rows_of(spark, settings, "silver/posts")) == 1


def test_an_event_that_is_years_late_is_kept(spark: SparkSession, settings: Settings) -> None:
    late = [a_record(event_id=f"late-{year}", event_time=f"{year}-01-01T00:00:00Z") for year in (1999, 2025)]
    arrive(spark, settings, [a_bronze_row(a_record(event_id="now"), 0, NOON + timedelta(days=3))])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    arrive(spark, settings, [a_bronze_row(data, 1 + n, NOON + timedelta(days=3)) for n, data in enumerate(late)])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert len(rows_of(spark, settings, "silver/posts")) == 3


def test_two_identical_bad_records_are_two_rejected_rows(spark: SparkSession, settings: Settings) -> None:
    arrive(spark, settings, [a_bronze_row(b"{", number) for number in range(2)])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert len(rows_of(spark, settings, "silver/rejected")) == 2


class DiesAfter:
    """A sink that writes some of its tables, then dies as a killed process would."""

    def __init__(self, silver: Silver, *tables: str) -> None:
        self._silver = silver
        self._tables = tables

    def __call__(self, events: DataFrame, batch: int) -> None:
        files = self._silver._written(events, batch)
        for entity in self._tables:
            self._silver._append_to(SILVER[entity].name).commit(files[entity], batch)
        raise RuntimeError("killed")


@pytest.mark.parametrize("written", [(), ("post",), ("post", "rejected", "user")])
def test_a_batch_that_was_cut_off_is_completed_and_doubles_nothing(
    spark: SparkSession, settings: Settings, written: tuple[str, ...]
) -> None:
    arrive(spark, settings, [a_bronze_row(data, number) for number, data in enumerate(ONE_OF_EACH)])
    with pytest.raises(Exception, match="killed"):
        refine(spark, settings, DiesAfter(Silver(spark, settings, FakeChampion()), *written))
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert set(counts(spark, settings).values()) == {1}


def test_maintenance_between_a_crash_and_its_replay_hides_nothing(spark: SparkSession, settings: Settings) -> None:
    arrive(spark, settings, [a_bronze_row(data, number) for number, data in enumerate(ONE_OF_EACH)])
    with pytest.raises(Exception, match="killed"):
        refine(spark, settings, DiesAfter(Silver(spark, settings, FakeChampion()), "post"))
    path = settings.table("silver/posts")
    for _ in range(3):
        spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES ('note' = 'touched')")
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert len(rows_of(spark, settings, "silver/posts")) == 1


def test_a_new_checkpoint_is_not_taken_for_a_replay(spark: SparkSession, settings: Settings) -> None:
    arrive(spark, settings, [a_bronze_row(a_record(event_id="a"), 0)])
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    fresh = Settings(lake=settings.lake, checkpoints=settings.checkpoints + "-new", stream="events")
    arrive(spark, settings, [a_bronze_row(a_record(event_id="b"), 1)])
    refine(spark, fresh, Silver(spark, fresh, FakeChampion()))
    assert [row.event_id for row in rows_of(spark, settings, "silver/posts")] == ["a", "a", "b"]
