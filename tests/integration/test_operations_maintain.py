"""Small files become few, old ones go, and no row changes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from moodstream import exit_code_of
from streaming.operations import maintain
from tests.builders import a_record
from tests.gold_without_spark import count_gold
from tests.lake_rows import refined, rows_of, run

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


@pytest.mark.parametrize("days", ["0", "soon", "-1"])
def test_wrong_use_is_one_line_and_exit_code_2(lake: Path, capsys: pytest.CaptureFixture[str], days: str) -> None:
    assert exit_code_of("moodstream maintain", maintain.main, ["--lake", str(lake), f"--vacuum-after={days}"], {}) == 2
    error = capsys.readouterr().err
    assert f"received '{days}'" in error
    assert error.count("\n") == 1


def test_an_empty_folder_holds_no_table(tmp_path: Path) -> None:
    assert exit_code_of("moodstream maintain", maintain.main, ["--lake", str(tmp_path)], {}) == 2
