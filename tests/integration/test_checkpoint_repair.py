"""Real checkpoints that are damaged and repaired: nothing is lost and nothing is doubled."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from deploy.local import aws
from streaming.checkpoints import damage
from streaming.errors import CheckpointDamaged
from streaming.hops import aggregate
from streaming.operations import checkpoints
from streaming.scoring import registry
from streaming.scoring.archive import Model
from streaming.settings import Settings
from streaming.sinks.silver import Silver
from tests import kinesalite
from tests.builders import a_record
from tests.gold_without_spark import assert_same, gold_of, gold_of_silver
from tests.integration.test_streaming_refine import FakeChampion, refine
from tests.lake_rows import arrived, refined, rows_of, run, settings_of
from tests.resharding import Ingest, Stream, account


def newest(checkpoint: Path) -> int:
    return max(int(path.name) for path in (checkpoint / "commits").iterdir() if path.name.isdigit())


def newest_ends(settings: Settings) -> Path:
    """The folder of the positions after the newest batch of ingest."""
    checkpoint = Path(settings.checkpoint("ingest"))
    return checkpoint / "sources/0/shard-commit" / str(newest(checkpoint))


def lose_newest_plan(settings: Settings, hop: str) -> None:
    checkpoint = Path(settings.checkpoint(hop))
    (checkpoint / "offsets" / str(newest(checkpoint))).unlink()
    with pytest.raises(CheckpointDamaged, match=f"checkpoints repair {hop}"):
        damage.check(settings, hop)


def repaired(lake: Path, hop: str, *options: str) -> list[str]:
    """Look what a repair would do, then have it done."""
    assert run(checkpoints.main, "repair", hop, *options, lake=lake)[0] == 1
    code, report = run(checkpoints.main, "repair", hop, "--yes", *options, lake=lake)
    assert code == 0
    assert run(checkpoints.main, "verify", lake=lake)[0] == 0
    done: list[str] = report["repaired"]
    return done


@pytest.mark.kinesis
def test_ingest_continues_where_bronze_ends_after_its_positions_were_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    lake = tmp_path / "job/lake"
    settings = settings_of(lake)
    with kinesalite.running() as endpoint:
        stream = Stream(endpoint, shards=2)
        job = Ingest(tmp_path / "job", endpoint, "qubole")
        try:
            job.start()
            for _ in range(3):
                stream.put(100)
                job.wait_for(stream.sent)
            job.stop()
            stream.put(100)
            lose_newest_plan(settings, "ingest")
            (newest_ends(settings) / "shardId-000000000001").unlink()
            assert len(repaired(lake, "ingest", "--kinesis-endpoint", endpoint)) == 2
            job.start()
            job.wait_for(stream.sent, seconds=30)
            stream.put(100)
            job.wait_for(stream.sent, seconds=30)
            job.stop()
        finally:
            job.kill()
    assert account(stream, job) == {"sent": 500, "lost": 0, "doubled": 0, "invented": 0}


@pytest.fixture
def settings(empty_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A lake of empty tables, and a champion that finds every text neutral."""

    def predict(texts: Sequence[str]) -> pd.DataFrame:
        return pd.DataFrame(
            {"sentiment": ["neutral"] * len(texts), "polarity": 0.1, "confidence": 0.6, "language": "en"}
        )

    monkeypatch.setattr(registry, "champion", lambda _: "3")
    monkeypatch.setattr(registry, "load", lambda *_: Model(predict))
    return settings_of(empty_lake, aggregate_trigger=0.1)


def records(first: int, count: int) -> list[bytes]:
    return [*(a_record(event_id=f"e{number}") for number in range(first, first + count)), b"{"]


def silver_rows(lake: Path) -> tuple[list[str], int]:
    """The ids of the posts, and how many events were rejected."""
    return sorted(row["event_id"] for row in rows_of(lake, "silver/posts")), len(rows_of(lake, "silver/rejected"))


def test_refine_reads_a_batch_again_whose_offsets_were_lost_and_drops_the_copies(
    spark: SparkSession, settings: Settings, empty_lake: Path
) -> None:
    for first in (0, 10):
        arrived(empty_lake, *records(first, 3), first_number=first)
        refine(spark, settings, Silver(spark, settings, FakeChampion()))
    lose_newest_plan(settings, "refine")
    repaired(empty_lake, "refine")
    arrived(empty_lake, *records(20, 3), first_number=20)
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert silver_rows(empty_lake) == (sorted(f"e{n}" for first in (0, 10, 20) for n in range(first, first + 3)), 3)


def test_refine_takes_rows_whose_files_were_deleted_unread_from_the_newest_snapshot(
    spark: SparkSession, settings: Settings, empty_lake: Path
) -> None:
    arrived(empty_lake, *records(0, 3))
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    for first in (10, 20):
        arrived(empty_lake, *records(first, 3), first_number=first)
    bronze = DeltaTable(str(empty_lake / "bronze/events"))
    bronze.optimize.compact()
    bronze.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    with pytest.raises(CheckpointDamaged, match="was deleted before the query has read it"):
        damage.check(settings, "refine")
    assert repaired(empty_lake, "refine")[0].startswith("8 rows appended to silver")
    arrived(empty_lake, *records(30, 3), first_number=30)
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert silver_rows(empty_lake) == (sorted(f"e{n}" for first in (0, 10, 20, 30) for n in range(first, first + 3)), 4)


def test_refine_goes_on_from_an_older_copy_of_its_checkpoint(
    spark: SparkSession, settings: Settings, empty_lake: Path, tmp_path: Path
) -> None:
    arrived(empty_lake, *records(0, 3))
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    shutil.copytree(settings.checkpoint("refine"), tmp_path / "copy")
    arrived(empty_lake, *records(10, 3), first_number=10)
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    shutil.rmtree(settings.checkpoint("refine"))
    shutil.copytree(tmp_path / "copy", settings.checkpoint("refine"))
    arrived(empty_lake, *records(20, 3), first_number=20)
    with pytest.raises(CheckpointDamaged, match="an older copy was put back"):
        damage.check(settings, "refine")
    repaired(empty_lake, "refine")
    arrived(empty_lake, *records(30, 3), first_number=30)
    refine(spark, settings, Silver(spark, settings, FakeChampion()))
    assert silver_rows(empty_lake) == (sorted(f"e{n}" for first in (0, 10, 20, 30) for n in range(first, first + 3)), 4)


CHANGELOGS = "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled"
PARTITIONS = "spark.sql.shuffle.partitions"


def test_refine_goes_on_after_files_of_its_state_were_lost(
    spark: SparkSession, settings: Settings, empty_lake: Path
) -> None:
    """Version 2 of the state is a snapshot, and version 3 what changed since then."""
    spark.conf.set(PARTITIONS, "2")
    try:
        for first, as_changes in ((0, "false"), (10, "false"), (20, "true")):
            spark.conf.set(CHANGELOGS, as_changes)
            arrived(empty_lake, *records(first, 9), first_number=first)
            refine(spark, settings, Silver(spark, settings, FakeChampion()))
            assert run(checkpoints.main, "verify", "refine", lake=empty_lake)[0] == 0
    finally:
        spark.conf.set(CHANGELOGS, "true")
        spark.conf.set(PARTITIONS, "1")
    parts = sorted(Path(settings.checkpoint("refine"), "state/0").iterdir())
    (parts[0] / "3.changelog").unlink()
    snapshot = parts[1] / "2.zip"
    snapshot.write_bytes(snapshot.read_bytes()[:-30])
    code, report = run(checkpoints.main, "verify", "refine", lake=empty_lake)
    assert (code, [each["found"].partition(",")[0] for each in report["hops"]["refine"]]) == (
        1,
        ["state/0/0/3.changelog is missing", "state/0/1/2.zip is not a whole zip file"],
    )
    with pytest.raises(CheckpointDamaged, match="checkpoints repair refine"):
        damage.check(settings, "refine")
    assert repaired(empty_lake, "refine") == ["state/0/0 is empty", "state/0/1 is empty"]
    for first in (30, 30):
        arrived(empty_lake, *records(first, 9), first_number=first)
        refine(spark, settings, Silver(spark, settings, FakeChampion()))
    ids, _ = silver_rows(empty_lake)
    assert ids == sorted(f"e{first + number}" for first in (0, 10, 20, 30) for number in range(9)), "copies are known"


def test_aggregate_counts_gold_anew_after_its_offsets_were_lost(
    spark: SparkSession, settings: Settings, empty_lake: Path, tmp_path: Path
) -> None:
    def count() -> None:
        query: Any = aggregate.start(spark, settings)
        try:
            query.processAllAvailable()
        finally:
            query.stop()

    for first in (0, 10):
        refined(empty_lake, *records(first, 3), first_number=first)
        count()
    lose_newest_plan(settings, "aggregate")
    repaired(empty_lake, "aggregate")
    refined(empty_lake, *records(20, 3), first_number=20)
    count()
    assert_same(gold_of(empty_lake), gold_of_silver(empty_lake, tmp_path / "scratch"))
