"""`moodstream sql` on real tables."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

import moodstream


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    rows = pa.table({"topic": ["tea", "tea", "rain"], "events": [3, 4, 2]})
    write_deltalake(tmp_path / "lake/gold/sentiment_by_topic", rows)
    return tmp_path / "lake"


def ask(lake: Path, *arguments: str) -> int:
    return moodstream.run(["sql", "--lake", str(lake), *arguments], {})


SUMS = "select topic, sum(events) texts from gold_sentiment_by_topic group by topic order by texts desc"


def test_a_question_is_answered_as_an_aligned_table(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(lake, SUMS) == 0
    assert capsys.readouterr().out.splitlines() == ["topic  texts", "tea    7", "rain   2", "2 rows"]


def test_a_program_gets_json_or_csv(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(lake, SUMS, "--json") == 0
    rows = [{"topic": "tea", "texts": 7}, {"topic": "rain", "texts": 2}]
    assert json.loads(capsys.readouterr().out) == {"columns": ["topic", "texts"], "rows": rows}
    assert ask(lake, SUMS, "--csv") == 0
    assert capsys.readouterr().out == '"topic","texts"\n"tea",7\n"rain",2\n'


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("select * from gold_sentiment", "The tables: bronze_events"),
        ("select mood from gold_sentiment_by_topic", "`describe TABLE`"),
        ("selekt 1", "begins with 'selekt', expected one of select"),
        ("-- select\ncopy gold_freshness to 'x.parquet'", "begins with 'copy'"),
        ("", "begins with ''"),
        ("select 1 / (events - 3) from gold_sentiment_by_topic", "failed while it read rows"),
        ("select 1/0", "Divide by zero"),
        ("select 1; select 2", "single SQL statement. Ask one statement at a time."),
    ],
)
def test_a_wrong_statement_is_refused_with_what_to_do(
    lake: Path, capsys: pytest.CaptureFixture[str], statement: str, told: str
) -> None:
    assert ask(lake, statement) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_a_long_answer_says_how_to_see_all_of_it(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(lake, "select * from unnest(range(0, 60))") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "... and 10 more rows: --csv or --json prints all"
