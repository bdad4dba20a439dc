"""What silver lacks comes from bronze, what bronze lacks from an archive, and nothing comes twice."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from moodstream import exit_code_of
from streaming.operations.backfill import command as backfill
from streaming.operations.erase import command as erase
from streaming.scoring import registry
from streaming.scoring.archive import Model
from tests.builders import NOON, a_record, an_event
from tests.lake_rows import arrived, refined, rows_of, run

HOUR = ("--from", "2026-01-01T12:00:00Z", "--to", "2026-01-01T13:00:00Z")
EVENTS = (a_record(event_id="a"), a_record("user", event_id="b"), a_record("interaction", event_id="c"), b"{")


def predict(texts: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"sentiment": ["neutral"] * len(texts), "polarity": 0.1, "confidence": 0.6})


@pytest.fixture
def lake(empty_lake: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lake, and a champion of version 3."""
    monkeypatch.setattr(registry, "champion", lambda settings: "3")
    monkeypatch.setattr(registry, "load", lambda settings, version: Model(predict))
    return empty_lake


def appended(lake: Path, *arguments: str) -> dict[str, int]:
    code, report = run(backfill.main, *(arguments or HOUR), lake=lake)
    assert code == 0
    return {name.removeprefix("silver/"): count for name, count in report["appended"].items() if count}


def ids(lake: Path, name: str = "posts") -> list[str]:
    return sorted(row["event_id"] for row in rows_of(lake, f"silver/{name}"))


def test_what_silver_lacks_is_made_anew(lake: Path) -> None:
    arrived(lake, *EVENTS)
    assert appended(lake) == {"posts": 1, "user_changes": 1, "interactions": 1, "rejected": 1}
    (post,) = rows_of(lake, "silver/posts")
    assert (post["event_id"], post["sentiment"], post["model_version"], post["day"]) == ("a", "neutral", "3", 1)
    assert (post["raw"], post["sequence_number"]) == (EVENTS[0].decode(), f"{0:030d}")


def test_what_is_there_is_left_alone_however_often_it_runs(lake: Path) -> None:
    refined(lake, *EVENTS)
    assert appended(lake) == {}
    arrived(lake, a_record(event_id="new"), a_record(event_id="new"), EVENTS[0], first_number=10)
    assert appended(lake) == {"posts": 1}
    assert appended(lake) == {}
    assert ids(lake) == ["a", "new"]


def test_only_the_range_is_looked_at(lake: Path) -> None:
    for hours, name in ((-1, "before"), (0, "first"), (1, "after")):
        arrived(lake, a_record(event_id=name), time=NOON + timedelta(hours=hours), first_number=hours + 1)
    assert appended(lake) == {"posts": 1}
    assert ids(lake) == ["first"]


def test_what_the_running_query_has_yet_to_read_is_left_to_it(lake: Path) -> None:
    arrived(lake, a_record(event_id="read"))
    folder = lake.parent / "checkpoints/refine"
    identity = str(DeltaTable(str(lake / "bronze/events")).metadata().id)
    source = {"reservoirId": identity, "reservoirVersion": 2, "index": -1}
    for name, text in (("offsets", "v1\n{}\n" + json.dumps(source)), ("commits", "v1\n{}")):
        (folder / name).mkdir(parents=True)
        (folder / name / "0").write_text(text)
    arrived(lake, a_record(event_id="unread"), first_number=1)
    assert appended(lake) == {"posts": 1}
    assert ids(lake) == ["read"]


def archived(folder: Path, name: str, *lines: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    content = b"\n".join(lines) + b"\n"
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder


def test_a_file_of_the_archive_is_taken_once(lake: Path, tmp_path: Path) -> None:
    folder = archived(tmp_path / "landing", "one.jsonl", a_record(event_id="a"), b"{", b"")
    archived(folder, "two.jsonl.gz", a_record(event_id="b"))
    (folder / "notes.txt").write_text("no records")
    for counts in ({"one.jsonl": 2, "two.jsonl.gz": 1}, {"one.jsonl": None, "two.jsonl.gz": None}):
        assert run(backfill.main, "--archive", str(folder), lake=lake)[1]["files"] == counts
    rows = rows_of(lake, "bronze/events")
    assert sorted(row["sequence_number"] for row in rows) == ["one.jsonl:1", "one.jsonl:2", "two.jsonl.gz:1"]
    assert {row["stream"] for row in rows} == {"archive"}


def test_events_that_silver_holds_are_left_out_of_the_archive(lake: Path, tmp_path: Path) -> None:
    refined(lake, a_record(event_id="known"))
    array = json.dumps([an_event(event_id="known"), an_event(event_id="new")]).encode()
    folder = archived(tmp_path / "landing", "one.jsonl", a_record(event_id="known"), array)
    run(backfill.main, "--archive", str(folder), lake=lake)
    (row,) = [row for row in rows_of(lake, "bronze/events") if row["stream"] == "archive"]
    assert json.loads(row["data"]) == [{"event_type": "erased"}, an_event(event_id="new")]


def test_the_archive_brings_nobody_back_who_was_erased(lake: Path, tmp_path: Path) -> None:
    record = a_record("post", {"user_id": "ann"}, event_id="gone")
    refined(lake, record)
    run(erase.main, "--user", "ann", lake=lake)
    folder = archived(tmp_path / "landing", "one.jsonl", record)
    assert run(backfill.main, "--archive", str(folder), lake=lake)[1]["files"] == {"one.jsonl": 0}


def test_a_copy_that_came_after_an_erasure_brings_nobody_back(lake: Path) -> None:
    record = a_record("post", {"user_id": "ann"}, event_id="gone")
    refined(lake, record)
    later = datetime.now(UTC) + timedelta(minutes=1)
    arrived(lake, record, first_number=1, time=later)
    run(erase.main, "--user", "ann", lake=lake)
    until = ("--from", "2026-01-01T12:00:00Z", "--to", (later + timedelta(minutes=1)).isoformat())
    assert len(rows_of(lake, "bronze/events")) == 1
    assert appended(lake, *until) == {}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "give either"),
        (("--from", "2026-01-01"), "give either"),
        ((*HOUR, "--archive", "x"), "give either"),
        (("--from", "noon", "--to", "2026-01-01"), "received 'noon'"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "expected a time after --from"),
        (("--archive", "/nowhere"), "holds no file"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    lake: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], complaint: str
) -> None:
    assert exit_code_of("moodstream backfill", backfill.main, [*arguments, "--lake", str(lake)], {}) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
