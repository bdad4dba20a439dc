"""An erasure that dies at any step, and what the receipt of the next one may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from streaming.corrections import readers
from streaming.operations.erase import command as erase
from streaming.operations.erase.record import FOLDER
from tests.builders import a_record, an_event
from tests.gold_without_spark import assert_same, count_gold, gold_of, gold_of_silver
from tests.integration.conftest import Database
from tests.kills import Remains, killed_before
from tests.lake_rows import refined, run

ANN, BOB = {"user_id": "ann"}, {"user_id": "bob"}
OWN = ("my own words #secret", "a comment of mine", "an older wording")
ROWS = [*(f"{text},positive" for text in OWN), "bob's words,neutral"]


@pytest.fixture
def lake(empty_lake: Path) -> Path:
    """Ann's post and comment, one text of hers that only bronze has, and Bob's post; all counted in gold."""
    refined(
        empty_lake,
        a_record("user", ANN, event_id="u1"),
        a_record("post", ANN | {"text": OWN[0]}, event_id="a1"),
        json.dumps([an_event("comment", ANN | {"text": OWN[1]}, event_id="a2"), an_event("post", BOB)]).encode(),
        a_record("post", ANN | {"text": OWN[2]}, event_id="a1").replace(b'"2026-', b'"x2026-'),
    )
    count_gold(empty_lake)
    return empty_lake


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """Training data with Ann's texts and one of Bob's."""
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join(["text,label", *ROWS]) + "\n")
    return path


def left(training: Path) -> list[str]:
    return [row for row in training.read_text().splitlines() if row != "text,label"]


def names_ann(lake: Path) -> list[str]:
    return [str(path) for path in lake.rglob("*.parquet") if b"ann" in path.read_bytes()]


def test_a_kill_at_any_step_is_followed_by_a_receipt_that_is_true(
    lake: Path, training: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The training data lies beside the lake, so each copy holds what both were at one moment."""
    remains = Remains(lake.parent, tmp_path_factory.mktemp("remains"))
    with remains.kept():
        code, receipt = run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    assert (code, receipt["complete"], left(training)) == (0, True, ["bob's words,neutral"])
    gold = gold_of(lake)
    assert_same(gold, gold_of_silver(lake, tmp_path_factory.mktemp("scratch")))
    for done in remains.restored():
        # The operator does not remember which files the first run was asked for.
        code, receipt = run(erase.main, "--user", "ann", lake=lake)
        killed = f"before {remains.names[done]}, number {done}"
        assert receipt["feedback"]["rows_left"].get(str(training), 0) == 0, killed
        assert (code, receipt["complete"], names_ann(lake)) == (0, True, []), killed
        # Before the first write, nobody can know what was asked.
        assert left(training) == (["bob's words,neutral"] if done else ROWS), killed
        assert_same(gold_of(lake), gold)


def test_run_the_job_then_erase_again_cleans_the_training_data_too(
    lake: Path, training: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as behind:
        behind.setattr(readers, "wait", lambda _settings, name, *_: ["load"] if name.startswith("silver/") else [])
        assert run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)[0] == 1
    assert "ann" not in {
        row["user_id"] for row in DeltaTable(str(lake / "silver/posts")).to_pyarrow_table().to_pylist()
    }
    code, receipt = run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    assert (code, receipt["complete"], left(training)) == (0, True, ["bob's words,neutral"])


def test_training_data_that_turns_up_after_an_erasure_is_cleaned_as_well(lake: Path, training: Path) -> None:
    run(erase.main, "--user", "ann", lake=lake)
    _, receipt = run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    assert (receipt["removed"]["feedback"], receipt["feedback"]["texts_known"]) == ({str(training): 3}, 3)
    assert left(training) == ["bob's words,neutral"]


def test_the_record_holds_no_text_and_no_id(lake: Path, training: Path) -> None:
    run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    kept = b"".join(path.read_bytes() for path in (lake / FOLDER).rglob("*.json"))
    assert not any(text.encode() in kept for text in (*OWN, '"ann"'))


def test_a_file_that_is_no_longer_there_keeps_the_receipt_incomplete_until_it_is_dropped(
    lake: Path, training: Path
) -> None:
    with killed_before(5):
        run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    training.unlink()
    code, receipt = run(erase.main, "--user", "ann", lake=lake)
    assert (code, receipt["complete"], receipt["feedback"]["rows_left"]) == (1, False, {str(training): None})
    assert f"--drop-feedback {training}" in receipt["unfinished"][0]
    assert run(erase.main, "--user", "ann", "--drop-feedback", str(training), lake=lake)[0] == 0
    assert run(erase.main, "--user", "ann", lake=lake)[0] == 0


def test_a_warehouse_that_an_earlier_run_was_asked_to_clean_is_not_forgotten(lake: Path, database: Database) -> None:
    place: dict[str, Any] = {"lake": lake, "environ": {"MOODSTREAM_WAREHOUSE_PASSWORD": database.password}}
    database.run(
        "insert into dw.fact_post (event_id, event_time, date_key, time_key, post_id, user_id, text, query, batch_id)"
        " values ('e1', now(), 20260101, 0, 'p', 'ann', 'x', 'q', 0)"
    )
    with killed_before(8):
        run(erase.main, "--user", "ann", "--warehouse", database.url, **place)
    code, receipt = run(erase.main, "--user", "ann", **place)
    assert (code, receipt["warehouse"]["not_checked"]) == (1, [database.url])
    assert run(erase.main, "--user", "ann", "--warehouse", database.url, **place)[0] == 0
    assert database.rows("select count(*) from dw.fact_post") == [0]
    assert run(erase.main, "--user", "ann", **place)[0] == 0


@pytest.mark.parametrize("content", [b"\xff\xfe", b""])
def test_training_data_that_cannot_be_read_is_refused_before_anything_changes(
    lake: Path, training: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    training.write_bytes(content)
    version = DeltaTable(str(lake / "bronze/events")).version()
    code, _ = run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    if content:
        assert (code, DeltaTable(str(lake / "bronze/events")).version()) == (2, version)
        assert "no CSV file in UTF-8" in capsys.readouterr().err
    else:
        assert code == 0


def test_line_ends_quotes_and_the_mark_of_a_spreadsheet_survive(lake: Path, training: Path) -> None:
    training.write_bytes(b'\xef\xbb\xbflabel,text\r\npositive," my own\r\nwords #secret"\r\nneutral,"one, two"\r\n')
    run(erase.main, "--user", "ann", "--feedback", str(training), lake=lake)
    assert training.read_bytes() == b'\xef\xbb\xbflabel,text\r\nneutral,"one, two"\r\n'
