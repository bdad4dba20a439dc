"""Rejected events: listed by reason, and sent again exactly once."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from moodstream import exit_code_of
from streaming.errors import OperationFailed
from streaming.operations.rejected import command as rejected
from streaming.operations.rejected import replay
from streaming.tables.parsed_events import parsed_batches
from tests.builders import NOON, a_record, an_event
from tests.lake_rows import append, refined, rows_of, run, settings_of

LOVE = {"action": "love"}


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """One broken record of each kind, and an array of which one event is broken."""
    array = json.dumps([an_event(event_id="good"), an_event("interaction", LOVE, event_id="bad")]).encode()
    refined(empty_lake, b"\xff\x1b[31m", a_record("interaction", LOVE, event_id="i1"), array)
    return empty_lake


def bronze(lake: Path) -> list[dict[str, Any]]:
    return [row for row in rows_of(lake, "bronze/events") if row["stream"] == "replay"]


def allow_love(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.events.checks.ACTIONS", frozenset({"like", "comment", "share", "love"}))


def test_list_groups_by_reason_and_shows_bytes_safely(lake: Path) -> None:
    code, report = run(rejected.main, "list", lake=lake)
    assert (code, report["rows"]) == (0, 3)
    assert {reason: group["events"] for reason, group in report["by_reason"].items()} == {
        "unknown_action": 2,
        "not_utf8": 1,
    }
    (garbage,) = report["by_reason"]["not_utf8"]["examples"]
    assert garbage["payload"] == r"\xff\x1b[31m"
    assert report["by_reason"]["unknown_action"]["first_arrival"].startswith("2026-01-01")


def test_only_the_broken_event_of_an_array_is_sent_again_and_only_once(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow_love(monkeypatch)
    assert run(rejected.main, "replay", "--reason", "unknown_action", "--dry-run", lake=lake)[1]["sent"] == 2
    assert bronze(lake) == []
    assert run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)[1]["sent"] == 2
    assert sorted(json.loads(row["data"])["event_id"] for row in bronze(lake)) == ["bad", "i1"]
    _, again = run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)
    assert (again["sent"], again["sent_before"], len(bronze(lake))) == (0, 2, 2)


def test_what_still_breaks_the_contract_stays_where_it_is(lake: Path) -> None:
    _, report = run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)
    assert (report["sent"], report["still_rejected"], bronze(lake)) == (0, 2, [])


def test_an_event_that_came_again_in_good_order_is_not_doubled(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refined(lake, a_record("interaction", event_id="i1"), first_number=10)
    allow_love(monkeypatch)
    _, report = run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)
    assert (report["sent"], report["already_accepted"]) == (1, 1)


def test_what_is_rejected_once_more_can_be_sent_once_more(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as release:
        allow_love(release)
        run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)
    # The running job is of the old release still: it rejects them under their new places.
    (records,) = DeltaTable(str(lake / "bronze/events")).to_pyarrow_table().combine_chunks().to_batches()
    (batch,) = parsed_batches([records])
    again = [row for row in batch.to_pylist() if row["entity"] == "rejected" and row["stream"] == "replay"]
    append(lake, "silver/rejected", again, at="arrival_time")
    allow_love(monkeypatch)
    _, report = run(rejected.main, "replay", "--reason", "unknown_action", lake=lake)
    assert (report["sent"], report["sent_before"], len(bronze(lake))) == (2, 2, 4)


def test_of_two_replays_at_once_one_fails(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    allow_love(monkeypatch)
    real = replay.append

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(replay, "append", real)
        replay.replay(settings_of(lake), "unknown_action")
        real(*arguments)

    monkeypatch.setattr(replay, "append", overtaken)
    with pytest.raises(OperationFailed):
        replay.replay(settings_of(lake), "unknown_action")
    assert len(bronze(lake)) == 2


def test_an_event_from_the_future_is_accepted_when_its_time_has_come(empty_lake: Path) -> None:
    refined(empty_lake, a_record(event_time=(NOON + timedelta(days=2)).isoformat()))
    _, report = run(rejected.main, "replay", "--reason", "future_event_time", lake=empty_lake)
    assert report["sent"] == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("replay",), "--reason is missing"),
        (("list", "--reason", "ugly"), "invalid choice: 'ugly'"),
        (("list", "--limit", "x"), "received 'x'"),
        (("burn",), "invalid choice: 'burn'"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    empty_lake: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert exit_code_of("moodstream rejected", rejected.main, [*arguments, "--lake", str(empty_lake)], {}) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1


def test_a_lake_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("moodstream rejected", rejected.main, ["list", "--lake", "/nowhere"], {}) == 2
    assert "/nowhere" in capsys.readouterr().err
