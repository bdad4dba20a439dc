"""A correction that comes before gold has counted anything: it waits, so that gold never counts what is gone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from streaming.checkpoints import offsets
from streaming.corrections import counting, journal
from streaming.delta.tables import open_table
from streaming.errors import OperationFailed
from streaming.files import Files
from streaming.hops import aggregate
from streaming.operations.erase import command as erase
from streaming.retraction.retractor import Retractor
from streaming.sinks.gold import Gold
from tests.builders import a_record
from tests.gold_without_spark import assert_same, gold_of, gold_of_silver
from tests.lake_rows import refined, rows_of, run, settings_of
from tests.patience import wait_until


def a_post(name: str, user: str = "ann") -> bytes:
    return a_record("post", {"post_id": name, "text": f"words of {name}", "user_id": user}, event_id=f"post {name}")


def a_deletion(target: str) -> bytes:
    payload = {"target_type": "post", "target_id": target}
    return a_record("deletion", payload, event_id=f"deletion of {target}", schema_version=2)


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """Two posts, and the deletion of one of them."""
    refined(empty_lake, a_post("p1"), a_post("p2", "bob"), a_deletion("p1"))
    return empty_lake


def a_first_batch_is_cut_off(spark: SparkSession, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job dies after Spark has noted what the first batch of gold reads, and before gold has it."""

    def dies(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(Gold, "write", dies)
        query = aggregate.start(spark, settings_of(lake, aggregate_trigger=0.1))
        wait_until(lambda: not query.isActive, "the first batch to fail")


def gold_has_counted(spark: SparkSession, lake: Path) -> None:
    settings = settings_of(lake, aggregate_trigger=0.1)
    files, checkpoint = Files(settings), settings.checkpoint("aggregate")
    query = aggregate.start(spark, settings)
    try:
        wait_until(lambda: offsets.batches(files, checkpoint).done, "the first batch of gold")
    finally:
        query.stop()


def posts(lake: Path) -> list[str]:
    return sorted(row["post_id"] for row in rows_of(lake, "silver/posts"))


def test_a_deletion_waits_for_the_first_batch_of_gold_and_gold_is_right(
    spark: SparkSession, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_first_batch_is_cut_off(spark, lake, monkeypatch)
    retract = Retractor(settings_of(lake))
    retract()
    assert posts(lake) == ["p1", "p2"]
    gold_has_counted(spark, lake)
    retract()
    assert posts(lake) == ["p2"]
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))


def test_an_erasure_before_the_first_batch_of_gold_says_what_to_do_and_changes_no_silver(
    spark: SparkSession, lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_first_batch_is_cut_off(spark, lake, monkeypatch)
    code, report = run(erase.main, "--user", "ann", "--wait", "0", lake=lake)
    assert (code, report) == (1, None)
    assert posts(lake) == ["p1", "p2"]
    gold_has_counted(spark, lake)
    code, _ = run(erase.main, "--user", "ann", "--wait", "0", lake=lake)
    assert posts(lake) == ["p2"]
    assert_same(gold_of(lake), gold_of_silver(lake, tmp_path / "scratch"))


def test_without_a_query_that_counts_nothing_waits(lake: Path) -> None:
    Retractor(settings_of(lake))()
    assert posts(lake) == ["p2"]


def test_the_first_batch_waits_for_a_correction_under_way_and_completes_one_that_was_cut_off(lake: Path) -> None:
    settings = settings_of(lake)
    folder = lake / "_operations" / "erase-1-2"
    folder.mkdir(parents=True)
    (folder / "change.json").write_text(json.dumps({"table": "silver/posts"}))
    with pytest.raises(OperationFailed, match="once erase-1 has ended"):
        aggregate.begin(settings, patience=0.0)
    # The correction that comes to its commit now sees that the first batch is about to begin.
    with pytest.raises(counting.NotCounted, match=r"aggregate has yet to count silver/posts"):
        counting.check(settings, ["silver/posts", "silver/comments"])
    journal.discard(settings, "erase")
    aggregate.begin(settings, patience=0.0)
    assert open_table(settings, "silver/posts").version() >= 0
