"""Small files become few, old ones go, and no row changes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from moodstream import exit_code_of
from streaming.corrections import readers
from streaming.operations import maintain
from tests.builders import a_record
from tests.checkpoint_files import a_checkpoint, delta_offset
from tests.gold_without_spark import count_gold
from tests.lake_rows import refined, rows_of, run, settings_of

POSTS = "silver/posts"


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """A lake of many small files."""
    for number in range(5):
        refined(empty_lake, a_record(event_id=f"e{number}"), first_number=number)
    count_gold(empty_lake)
    return empty_lake


def test_files_become_few_and_rows_stay(lake: Path) -> None:
    before = sorted(row["event_id"] for row in rows_of(lake, POSTS))
    code, report = run(maintain.main, lake=lake)
    assert (code, report["tables"][POSTS]["files_before"], report["tables"][POSTS]["files"]) == (0, 5, 1)
    assert sorted(row["event_id"] for row in rows_of(lake, POSTS)) == before


def test_compaction_tells_readers_that_no_row_changed(lake: Path) -> None:
    version = DeltaTable(str(lake / POSTS)).version()
    run(maintain.main, lake=lake)
    entry = (lake / POSTS / "_delta_log" / f"{version + 1:020d}.json").read_text()
    assert '"dataChange":false' in entry
    assert '"dataChange":true' not in entry


def test_only_what_no_version_of_the_last_days_needs_is_removed(lake: Path) -> None:
    fresh, old = (lake / POSTS / "year=2026" / "month=1" / "day=1" / name for name in ("fresh.parquet", "old.parquet"))
    for path in (fresh, old):
        path.write_bytes(b"a file that no commit refers to")
    os.utime(old, (time.time() - 8 * 86_400,) * 2)
    _, report = run(maintain.main, lake=lake)
    assert report["tables"][POSTS]["vacuumed"] == 1
    assert (fresh.exists(), old.exists()) == (True, False)
    assert DeltaTable(str(lake / POSTS), version=3).to_pyarrow_table().num_rows == 3


def test_rows_of_gold_that_count_nothing_any_more_go(lake: Path) -> None:
    name = "gold/sentiment_by_minute"
    sums = ("events", "negative", "neutral", "positive", "polarity_sum", "confidence_sum", "late")
    DeltaTable(str(lake / name)).update({**dict.fromkeys(sums, "0"), "polarity_sum": "1e-17"})
    _, report = run(maintain.main, lake=lake)
    assert (report["tables"][name]["emptied_rows"], rows_of(lake, name)) == (1, [])


def test_rows_whose_texts_have_yet_to_be_counted_under_their_new_label_stay(lake: Path) -> None:
    name = "gold/sentiment_by_minute"
    DeltaTable(str(lake / name)).update({"events": "0", "positive": "-1", "neutral": "1"})
    _, report = run(maintain.main, lake=lake)
    assert (report["tables"][name]["emptied_rows"], len(rows_of(lake, name))) == (0, 1)


def test_it_may_run_again_at_once(lake: Path) -> None:
    for _ in range(2):
        assert run(maintain.main, lake=lake)[0] == 0


def a_late_reader(lake: Path, days: float) -> list[str]:
    """A query that has not read the posts of versions 2 to 5, which were written `days` ago; returns their files."""
    plans = {batch: [delta_offset(lake, POSTS, version)] for batch, version in enumerate((1, 2))}
    a_checkpoint(lake.parent / "checkpoints/aggregate", plans, finished=1)
    log = sorted((lake / POSTS / "_delta_log").glob("*.json"))
    files = sorted(map(str, (lake / POSTS).rglob("*.parquet")))
    for path in [*map(str, log), *files]:
        os.utime(path, (time.time() - days * 86_400,) * 2)
    return files


def expire_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run find everything older than the retention, as if the files had been merged a week ago."""
    vacuum = DeltaTable.vacuum

    def at_once(table: DeltaTable, **how: Any) -> list[str]:
        return vacuum(table, **{**how, "retention_hours": 0})

    monkeypatch.setattr(DeltaTable, "vacuum", at_once)


def test_what_a_query_that_is_down_has_not_read_is_kept(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expire_at_once(monkeypatch)
    files = a_late_reader(lake, days=6)
    _, report = run(maintain.main, lake=lake)
    (kept,) = report["tables"][POSTS]["kept_for"]
    assert (kept["query"], kept["first_unread_version"]) == ("aggregate", 2)
    assert all(Path(path).exists() for path in files)
    assert readers.behind(settings_of(lake), POSTS, DeltaTable(str(lake / POSTS)).version()) == ["aggregate"]
    configuration = DeltaTable(str(lake / POSTS)).metadata().configuration
    assert configuration["delta.enableExpiredLogCleanup"] == "false"


def test_what_a_query_has_not_read_is_deleted_on_demand_and_the_report_says_from_whom(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire_at_once(monkeypatch)
    files = a_late_reader(lake, days=6)
    run(maintain.main, lake=lake)
    _, report = run(maintain.main, "--even-unread", lake=lake)
    assert [each["query"] for each in report["tables"][POSTS]["taken_from"]] == ["aggregate"]
    assert not any(Path(path).exists() for path in files)
    configuration = DeltaTable(str(lake / POSTS)).metadata().configuration
    assert configuration["delta.enableExpiredLogCleanup"] == "true"


def test_a_query_that_lags_by_less_than_the_retention_holds_nothing_up(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire_at_once(monkeypatch)
    a_late_reader(lake, days=4)
    _, report = run(maintain.main, lake=lake)
    assert (report["tables"][POSTS]["kept_for"], report["tables"][POSTS]["taken_from"]) == ([], [])
    assert report["tables"][POSTS]["vacuumed"] == 5


@pytest.mark.parametrize("days", ["0", "soon", "-1"])
def test_wrong_use_is_one_line_and_exit_code_2(lake: Path, capsys: pytest.CaptureFixture[str], days: str) -> None:
    assert exit_code_of("moodstream maintain", maintain.main, ["--lake", str(lake), f"--vacuum-after={days}"], {}) == 2
    error = capsys.readouterr().err
    assert f"received '{days}'" in error
    assert error.count("\n") == 1


def test_an_empty_folder_holds_no_table(tmp_path: Path) -> None:
    assert exit_code_of("moodstream maintain", maintain.main, ["--lake", str(tmp_path)], {}) == 2
