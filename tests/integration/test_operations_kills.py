"""Rescoring, backfills and maintenance that die at any step: the next run finishes, and nothing is lost or doubled."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import deltalake
import pandas as pd
import pytest

from streaming.operations import bronze_rows, maintain, rescore
from streaming.operations import silver_backfill as backfilled
from streaming.operations.backfill import archive
from streaming.operations.backfill import command as backfill
from streaming.scoring import registry
from streaming.scoring.archive import Model
from streaming.tables.lake import NAMES
from tests.builders import a_record
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.kills import Remains
from tests.lake_rows import arrived, refined, rows_of, run

APPENDS = tuple((each, "write_deltalake") for each in (backfilled, archive, bronze_rows, rescore))
REWRITES = (
    (maintain, "_compacted"),
    (deltalake.DeltaTable, "create_checkpoint"),
    (deltalake.DeltaTable, "cleanup_metadata"),
)
HOUR = ("--from", "2026-01-01T12:00:00Z", "--to", "2026-01-01T13:00:00Z")


def predict(texts: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"sentiment": ["negative"] * len(texts), "polarity": -0.5, "confidence": 0.6})


@pytest.fixture
def lake(empty_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two posts and a comment, counted in gold, and a post that silver lacks."""
    monkeypatch.setattr(registry, "champion", lambda settings: "3")
    monkeypatch.setattr(registry, "load", lambda settings, version: Model(predict))
    refined(empty_lake, a_record(event_id="p1"), a_record(event_id="p2"), a_record("comment", event_id="c1"))
    arrived(empty_lake, a_record(event_id="missing"), first_number=9)
    count_gold(empty_lake)
    return empty_lake


def killed_at_each_step(lake: Path, command: Callable[..., int], *arguments: str) -> Iterator[Path]:
    """The lake after a whole run of the command; then each lake that a killed run left, after another run."""
    with tempfile.TemporaryDirectory() as copies:
        remains = Remains(lake, Path(copies))
        with remains.kept(also=(*APPENDS, *REWRITES)):
            assert run(command, *arguments, lake=lake)[0] == 0
        yield lake
        assert remains.names
        for _ in remains.restored():
            assert run(command, *arguments, lake=lake)[0] == 0
            yield lake


def events(lake: Path, name: str) -> list[str]:
    return sorted(row["event_id"] for row in rows_of(lake, name))


def test_an_acceptance_of_scores(lake: Path) -> None:
    run(rescore.main, "--model", "7", lake=lake)
    for number, copied in enumerate(killed_at_each_step(lake, rescore.main, "--model", "7", "--accept")):
        rows = [*rows_of(copied, "silver/posts"), *rows_of(copied, "silver/comments")]
        assert {(row["event_id"], row["model_version"]) for row in rows} == {(name, "7") for name in ("p1", "p2", "c1")}
        assert_same(gold_of(copied), gold_of_silver(copied, lake.parent / f"scratch-{number}"))


def test_a_backfill_of_silver(lake: Path) -> None:
    for copied in killed_at_each_step(lake, backfill.main, *HOUR):
        assert events(copied, "silver/posts") == ["missing", "p1", "p2"]
        assert events(copied, "silver/comments") == ["c1"]


def test_a_backfill_from_an_archive(lake: Path, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    for name in ("one", "two"):
        (landing / f"{name}.jsonl").write_bytes(a_record(event_id=name) + b"\n" + a_record(event_id="p1") + b"\n")
    for copied in killed_at_each_step(lake, backfill.main, "--archive", str(landing)):
        archived = [row["sequence_number"] for row in rows_of(copied, "bronze/events") if row["stream"] == "archive"]
        assert sorted(archived) == ["one.jsonl:1", "two.jsonl:1"]


def test_maintenance(lake: Path) -> None:
    """Of each kind of table one: maintenance takes the same steps for one after the other."""
    kept = ("bronze/events", "silver/posts", "gold/sentiment_by_minute")
    for name in {*NAMES} - {*kept}:
        shutil.rmtree(lake / name, ignore_errors=True)
    rows = {name: sorted(rows_of(lake, name), key=str) for name in kept}
    for copied in killed_at_each_step(lake, maintain.main):
        assert {name: sorted(rows_of(copied, name), key=str) for name in kept} == rows
