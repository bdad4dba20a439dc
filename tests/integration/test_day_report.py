"""`moodstream report`: one day of a lake as one file that fetches nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import write_deltalake

import moodstream
from deploy.dashboard.report import command

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
BAD = {"events": 1000, "negative": 600, "neutral": 300, "positive": 100, "polarity_sum": -500.0}
GOOD = {"events": 1000, "negative": 200, "neutral": 300, "positive": 500, "polarity_sum": 300.0}


def put(lake: Path, table: str, *rows: dict[str, Any]) -> None:
    write_deltalake(str(lake / table), pd.DataFrame(rows))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A day on which an outage made people angry, after a content one."""
    lake = tmp_path / "lake"
    post = {"entity": "post"}
    put(lake, "gold/sentiment_by_minute", {"minute": NOON - DAY, **post, **GOOD}, {"minute": NOON, **post, **BAD})
    topics = (
        {"minute": NOON - DAY, "topic": "tea", **post, **GOOD},
        {"minute": NOON, "topic": "<outage>", **post, **BAD},
    )
    put(lake, "gold/sentiment_by_topic", *topics)
    put(lake, "gold/terms_by_hour", {"hour": NOON, "term": "broken", **BAD}, {"hour": NOON, "term": "tea", **GOOD})
    put(lake, "gold/sentiment_by_cohort", {"hour": NOON, "location": "Oslo", "age_band": "25-34", **BAD})
    rejected = {"minute": NOON, "entity": "rejected", "reason": "not_json", "events": 7}
    put(lake, "gold/quality_by_minute", rejected, {**rejected, "entity": "post", "reason": "", "events": 1000})
    put(lake, "silver/posts", {"event_time": NOON, "text": "<script>it broke", "polarity": -0.9})
    return lake


def report(lake: Path, *arguments: str) -> int:
    return moodstream.run(["report", "--lake", str(lake), *arguments], {})


def test_a_day_is_told_in_one_file_that_fetches_nothing(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "day.html"

    assert report(lake, "--day", "2026-03-02", "--out", str(out), "--json") == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["day"], told["texts"], told["net_sentiment"]) == ("2026-03-02", 1000, -0.5)
    assert told["summary"].startswith("Net sentiment fell from +30 to -50")
    page = out.read_text()
    assert "Moodstream, 02 March 2026" in page
    assert "not_json</td><td>7" in page
    assert "&lt;script&gt;it broke" in page
    assert "<script" not in page
    assert re.findall(r"(?:src|href)=\"(?!data:|#)[^\"]*\"", re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)) == []


def test_without_a_day_it_is_the_newest_one(lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(lake, "--out", str(tmp_path / "r.html"), "--json") == 0
    assert json.loads(capsys.readouterr().out)["day"] == "2026-03-02"


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2026-03-04", "no text of 2026-03-04 (UTC); its newest day is 2026-03-02"),
        ("monday", "received 'monday', expected a day such as 2026-01-05"),
    ],
)
def test_a_wrong_day_is_told(lake: Path, capsys: pytest.CaptureFixture[str], day: str, told: str) -> None:
    assert report(lake, "--day", day) == 2
    assert told in capsys.readouterr().err


def test_a_report_can_be_written_to_s3(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, bytes] = {}
    monkeypatch.setattr(command.Files, "write", lambda _files, path, content: written.update({path: content}))
    assert report(lake, "--out", "s3a://reports/day.html") == 0
    assert b"Moodstream, 02 March 2026" in written["s3a://reports/day.html"]


@pytest.mark.parametrize(("name", "told"), [("", "is a folder"), ("none/day.html", "there is no folder")])
def test_a_file_that_cannot_be_written_is_refused_before_the_lake_is_read(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, told: str
) -> None:
    assert report(lake, "--out", str(tmp_path / name)) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
