"""`moodstream alerts` over a lake that holds incidents and texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import moodstream
from streaming.delta.merge import KeyedMerge
from streaming.operations import alerts
from streaming.tables import gold_incidents
from tests.lake_rows import append, rows_of, run


def an_incident(lake: Path, **overrides: Any) -> None:
    row = alerts.a_test(datetime.now(UTC) - timedelta(hours=1)) | overrides
    merged = KeyedMerge(gold_incidents.TABLE, str(lake / gold_incidents.NAME), {}, row["incident_id"])
    merged.apply(gold_incidents.table_of([row]), 1)


def test_incidents_are_listed_the_newest_first(empty_lake: Path) -> None:
    assert run(alerts.main, "list", lake=empty_lake) == (0, {"incidents": []})
    an_incident(empty_lake, incident_id="older", since=datetime.now(UTC) - timedelta(days=2))
    an_incident(empty_lake, incident_id="newer")
    an_incident(empty_lake, incident_id="too old", since=datetime.now(UTC) - timedelta(days=9))
    code, found = run(alerts.main, "list", lake=empty_lake)
    assert (code, [each["incident_id"] for each in found["incidents"]]) == (0, ["newer", "older"])


def test_one_incident_is_shown_as_its_message_said(empty_lake: Path) -> None:
    an_incident(empty_lake, incident_id="incident-1", terms=["refund"])
    code, found = run(alerts.main, "show", "incident-1", lake=empty_lake)
    assert (code, found["terms"]) == (0, ["refund"])
    assert found["headline"] == "Negative share of topic #test rose to 60%, usually 30%"


def test_an_option_may_stand_between_show_and_the_incident(empty_lake: Path) -> None:
    an_incident(empty_lake, incident_id="incident-1")
    code, found = run(alerts.main, "show", "--days", "3", "incident-1", lake=empty_lake)
    assert (code, found["incident_id"]) == (0, "incident-1")


@pytest.mark.parametrize("words", [("show",), ("show", "incident-9"), ("list", "--days", "0"), ("forget",)])
def test_wrong_use_is_one_line_and_exit_code_2(
    words: tuple[str, ...], empty_lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(alerts.main, *words, lake=empty_lake) == (2, None)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_test_message_is_only_printed_without_a_topic(empty_lake: Path) -> None:
    code, found = run(alerts.main, "test", lake=empty_lake)
    assert (code, found["sent"], found["data"]["why"]) == (0, False, "this is a test, nothing happened")


def test_a_test_message_needs_no_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert moodstream.run(["alerts", "test"], {}) == 0
    assert "this is a test" in capsys.readouterr().out
    assert moodstream.run(["alerts", "list"], {}) == 2
    assert "holds no lake" in capsys.readouterr().err


def test_a_topic_that_cannot_be_reached_is_said(empty_lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = ("--alerts-topic", "arn:aws:sns:us-east-1:1:t", "--aws-endpoint", "http://127.0.0.1:9")
    code, _ = run(alerts.main, "test", *nowhere, lake=empty_lake)
    assert code == 2
    assert "SNS topic arn:aws:sns:us-east-1:1:t" in capsys.readouterr().err


def test_replay_finds_an_incident_in_the_texts_of_silver_and_writes_nothing(empty_lake: Path) -> None:
    rng, now = Random(2), datetime.now(UTC)
    scored = {"polarity": 0.0, "confidence": 0.9, "model_version": "1", "schema_version": 1}
    rows = []
    for second in range(3600):
        bad = second >= 3000
        sentiment = "negative" if rng.random() < (0.9 if bad else 0.3) else "positive"
        text = "login is broken #outage" if bad else "tea is here"
        at = now - timedelta(seconds=3600 - second)
        event = {"event_id": f"e{second}", "event_time": at, "user_id": f"u{second % 700}", "text": text}
        rows.append({**event, "sentiment": sentiment, **scored})
    append(empty_lake, "silver/comments", rows)
    code, found = run(alerts.main, "replay", "--hours", "2", lake=empty_lake)
    assert (code, found["texts"]) == (0, 3600)
    (incident,) = found["incidents"]
    assert (incident["topics"], incident["state"]) == (["outage"], "open")
    assert not (empty_lake / gold_incidents.NAME).exists() or rows_of(empty_lake, gold_incidents.NAME) == []
