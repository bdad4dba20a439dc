"""The audit's verdict stands after an erasure, a replay and maintenance: no loss, no surplus."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from generator.events.reference_validator import as_record
from generator.ledger import Ledger, Put
from harness.audit import (
    gold,
    lake,
    quarantine,
    sent,
    silver,
)
from streaming.operations import maintain
from streaming.operations.erase import command as erase
from streaming.operations.quarantined import command as quarantined
from streaming.operations.rejected import command as rejected
from streaming.quarantine.table import Quarantine
from streaming.tables.parsed_events import parsed_batches
from tests.builders import NOON, a_record, an_event
from tests.gold_without_spark import count_gold
from tests.lake_rows import BRONZE, SCORES, append, arrived, refined, rows_of, run, settings_of

VIEWS = {"bronze": "bronze/events", "rejected": "silver/rejected", "erased": "bronze/erased"}
VIEWS |= {"quarantined": "silver/quarantined"}
GOLD = [check.table for check in gold.CHECKS]
ARRAY = [an_event("post", {"user_id": "ann"}, event_id="a2"), an_event("comment", event_id="c1"), None]
RECORDS = (
    a_record("post", {"user_id": "ann", "text": "bye #now"}, event_id="a1"),
    a_record("post", {"text": "hello #now"}, event_id="p1"),
    json.dumps(ARRAY).encode(),
    a_record("user", event_id="u1"),
    a_record(event_id="early", event_time="2026-01-03T00:00:00Z"),
    b"{",
)


@pytest.fixture
def world(empty_lake: Path) -> Path:
    """A lake and the ledger of what was sent, in agreement."""
    refined(empty_lake, *RECORDS)
    with Ledger(empty_lake.parent / "ledger", "run") as ledger:
        numbers = ledger.intend([as_record(data, NOON.timestamp()) for data in RECORDS])
        at = NOON.timestamp()
        ledger.acknowledge([Put(n, "shard-0", f"{i:030d}", at) for i, n in enumerate(numbers)])
    count_gold(empty_lake)
    return empty_lake


def faults(world: Path, scratch: Path) -> dict[str, Any]:
    """What the audit finds wrong, as `moodstream audit` puts it together."""
    scratch.mkdir()
    connection = lake.connect(scratch)
    names = VIEWS | {name: f"silver/{name}" for name in silver.TABLES} | {name: f"gold/{name}" for name in GOLD}
    present = [name for name, table in names.items() if lake.view(connection, name, world / table)]
    sent.load_ledger(connection, world.parent / "ledger", lambda *_: None)
    if "erased" in present:
        sent.forget_erased(connection)
    sent.expect(connection, lambda *_: None)
    quarantine.prepare(connection, there="quarantined" in present)
    silver.prepare(connection)
    gold.prepare(connection)
    layers = {"bronze": sent.bronze(connection), "silver": silver.accepted(connection)}
    layers |= {"rejected": silver.rejected(connection), "gold": gold.difference(connection, present)}
    connection.close()
    kinds = ("lost", "duplicated", "altered", "unexpected", "missing", "difference")
    return {f"{k}.{kind}": v[kind] for k, v in layers.items() for kind in kinds if v.get(kind)}


def test_the_world_is_sound_to_begin_with(world: Path, tmp_path: Path) -> None:
    assert faults(world, tmp_path / "audit") == {}


def test_an_erasure_is_no_loss(world: Path, tmp_path: Path) -> None:
    assert run(erase.main, "--user", "ann", lake=world)[0] == 0
    run(maintain.main, lake=world)
    assert faults(world, tmp_path / "audit") == {}


def test_a_copy_that_came_after_an_erasure_is_no_loss(world: Path, tmp_path: Path) -> None:
    arrived(world, RECORDS[0], first_number=90, time=datetime.now(UTC) + timedelta(hours=1))
    assert run(erase.main, "--user", "ann", lake=world)[0] == 0
    assert faults(world, tmp_path / "audit") == {}


def test_a_replay_is_no_surplus(world: Path, tmp_path: Path) -> None:
    _, report = run(rejected.main, "replay", "--reason", "future_event_time", lake=world)
    assert report["sent"] == 1
    # Silver has yet to take it: the one thing that is missing.
    assert faults(world, tmp_path / "audit") == {"silver.lost": 1}


def left_out(world: Path, event_id: str | None, number: int, index: int | None = 0) -> None:
    """Quarantine an event, or a record that could not be parsed, as refine does."""
    row = {"table_name": "silver/posts", "key": f"{number}/{index}", "event_id": event_id, "record_index": index}
    row |= {"sequence_number": f"{number:030d}", "error_class": "ValueError", "error": "no"}
    Quarantine(settings_of(world), "refine").add([{**row, "data": a_record(event_id="q1")}], "query", 0)


def test_an_event_in_quarantine_is_neither_lost_nor_doubled(world: Path, tmp_path: Path) -> None:
    arrived(world, a_record(event_id="q1"), a_record(event_id="q1"), b"}", a_record(event_id="q2"), first_number=90)
    assert faults(world, tmp_path / "before") == {"silver.lost": 2, "rejected.missing": 1}
    left_out(world, "q1", 90)
    left_out(world, None, 92, None)
    assert faults(world, tmp_path / "after") == {"silver.lost": 1}
    left_out(world, None, 93, None)
    assert faults(world, tmp_path / "all") == {}


def test_an_event_that_left_quarantine_must_be_in_silver_once(world: Path, tmp_path: Path) -> None:
    arrived(world, a_record(event_id="q1"), first_number=90)
    left_out(world, "q1", 90)
    assert run(quarantined.main, "replay", lake=world)[1]["sent"] == 1
    assert faults(world, tmp_path / "on its way") == {"silver.lost": 1}
    replayed = [row for row in rows_of(world, "bronze/events") if row["stream"] == "quarantined"]
    for batch in parsed_batches([pa.RecordBatch.from_pylist(replayed, BRONZE)]):
        append(world, "silver/posts", [row | SCORES for row in batch.to_pylist()])
    assert {fault for fault in faults(world, tmp_path / "there") if not fault.startswith("gold")} == set()
