"""The ledger: written ahead, read while written, merged, pruned."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING

import pytest

from generator import ledger as witness
from generator.errors import LedgerError
from generator.events.records import Expected, Record
from generator.ledger import Ack, Ledger, Put

if TYPE_CHECKING:
    from pathlib import Path


def a_record(data: bytes = b"{}", **overrides: object) -> Record:
    fields: dict[str, object] = {"event_id": "e1", "entity": "post", "outcome": "silver"}
    return Record(data, "u1", (Expected(**{**fields, **overrides}),))  # type: ignore[arg-type]


def test_an_intent_is_on_disk_before_anything_is_put(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, "run")
    ledger.intend([a_record(b"abc", event_id='quote " and \u2028', reason=None)])
    (entry,) = witness.entries(tmp_path)  # not closed: what a killed process leaves
    assert entry.ack is None
    assert entry.expected[0].event_id == 'quote " and \u2028'
    assert entry.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert [e.record for e in witness.unacked(tmp_path)] == [0]
    ledger.close()


def test_an_acknowledgement_completes_its_intent(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        numbers = ledger.intend([a_record(), a_record(outcome="rejected", reason="not_json", entity=None)])
        ledger.acknowledge([Put(numbers[1], "shard-1", "49", 12.5)])
        ledger.acknowledge([Put(numbers[0], "shard-0", "48", 12.25)])
    second, first = witness.entries(tmp_path)
    assert (first.ack, second.ack) == (Ack("shard-0", "48", 12.25), Ack("shard-1", "49", 12.5))
    assert second.expected == (Expected("e1", None, "rejected", "not_json"),)
    assert list(witness.unacked(tmp_path)) == []


def test_runs_in_one_directory_do_not_collide(tmp_path: Path) -> None:
    for run in ("one", "two"):
        with Ledger(tmp_path, run) as ledger:
            ledger.intend([a_record()])
    assert [(e.run, e.record) for e in witness.entries(tmp_path)] == [("one", 0), ("two", 0)]
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        Ledger(tmp_path, "one")


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        ledger.intend([a_record(), a_record()])
    (path,) = tmp_path.glob("run-*.jsonl")
    path.write_bytes(path.read_bytes()[:-20])
    assert [e.record for e in witness.entries(tmp_path)] == [0]


def test_a_broken_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "run-000000.jsonl").write_text("no json\n")
    with pytest.raises(LedgerError, match=r"run-000000\.jsonl', line 1"):
        list(witness.entries(tmp_path))


def test_unsendable_and_uncertain_records_say_so(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        numbers = ledger.intend([a_record(), a_record()])
        ledger.unsendable(numbers[0], 'too "big"')
        ledger.unknown([numbers[1]])
        ledger.acknowledge([Put(numbers[1], "s", "1", 1.0)])
    first, second = witness.entries(tmp_path)
    assert (first.unsendable, first.ack) == ('too "big"', None)
    assert second.uncertain
    assert list(witness.unacked(tmp_path)) == []


def test_a_run_rolls_over_segments_and_reads_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generator.ledger.writer.SEGMENT_BYTES", 500)
    with Ledger(tmp_path, "run") as ledger:
        for number in range(10):
            ledger.intend([a_record()])
            ledger.acknowledge([Put(number, "s", str(number), 1.0)])
    assert len(list(tmp_path.glob("run-*.jsonl"))) > 2
    assert [e.record for e in witness.entries(tmp_path)] == list(range(10))


def test_the_outbox_gives_back_the_bytes_of_what_a_stream_lost(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        ledger.intend([a_record(b"kept"), a_record(b"\xff lost"), a_record(b"never acknowledged")])
        ledger.acknowledge([Put(0, "s", "100", 1.0), Put(1, "s", "101", 1.0)])
    (lost,) = witness.outbox(tmp_path, without={"100"})
    assert (lost.run, lost.record, lost.key, lost.data) == ("run", 1, "u1", b"\xff lost")


def test_a_record_that_was_put_again_counts_by_its_last_acknowledgement(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        ledger.intend([a_record()])
        ledger.acknowledge([Put(0, "s", "1", 1.0)])
    with Ledger(tmp_path, "resend-run2", keep_bytes=False) as ledger:
        ledger.acknowledge([Put(0, "s", "2", 2.0)], run="run")
    assert [e.ack for e in witness.entries(tmp_path)] == [Ack("s", "2", 2.0)]


def test_pruning_deletes_old_outbox_segments_and_nothing_else(tmp_path: Path) -> None:
    for run in ("old", "new"):
        with Ledger(tmp_path, run) as ledger:
            ledger.intend([a_record()])
    os.utime(tmp_path / "outbox-old-000000.jsonl", (0, 1000.0))
    os.utime(tmp_path / "outbox-new-000000.jsonl", (0, 2000.0))
    os.utime(tmp_path / "old-000000.jsonl", (0, 1000.0))
    assert witness.prune_outbox(tmp_path, older_than=500, now=2100.0) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "new-000000.jsonl",
        "old-000000.jsonl",
        "outbox-new-000000.jsonl",
    ]


def test_every_line_is_a_json_object_of_its_own(tmp_path: Path) -> None:
    with Ledger(tmp_path, "run") as ledger:
        ledger.note("start", seed=1)
        ledger.intend([a_record(event_id=None, dirt="late", mood="positive")])
    (path,) = tmp_path.glob("run-*.jsonl")
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == ["start", "intent"]
