"""Properties of the generated stream, whatever the seed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.events.records import REASONS
from generator.events.reference_validator import classify
from generator.simulation import LATEST, Dirt, Simulation

if TYPE_CHECKING:
    from generator.events.records import Record

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
CLEAN = Dirt(0, 0, 0, 0, 0, 0, 0, 0, 0)
FILTHY = Dirt(
    duplicate_near=0.05,
    duplicate_far=0.05,
    late=0.1,
    out_of_order=0.05,
    malformed=0.2,
    unusual=0.1,
    array=0.1,
    aggregated=0.02,
)
seeds = st.integers(0, 2**32)


def some_records(count: int, seed: int = 1, run: str = "run", dirt: Dirt = FILTHY, users: int = 60) -> list[Record]:
    stream = Simulation(seed, run, users, dirt)
    return [stream.next(NOON + number / 100) for number in range(count)]


def events_of(records: list[Record]) -> list[dict[str, Any]]:
    return [json.loads(record.data) for record in records]


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_the_same_seed_run_and_times_give_the_same_records(seed: int) -> None:
    assert some_records(300, seed) == some_records(300, seed)


def test_another_run_of_the_same_seed_shares_no_event_id_but_the_users() -> None:
    one, other = (some_records(2000, run=run, dirt=CLEAN) for run in ("one", "other"))
    ids = [{record.expected[0].event_id for record in records} for records in (one, other)]
    assert ids[0].isdisjoint(ids[1])
    profiles = [
        {e["payload"]["user_id"]: e["payload"]["user_name"] for e in events_of(r) if e["event_type"] == "user"}
        for r in (one, other)
    ]
    shared = profiles[0].keys() & profiles[1].keys()
    assert shared
    assert all(profiles[0][user] == profiles[1][user] for user in shared)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_everything_refers_only_to_what_was_sent_before(seed: int) -> None:
    users: set[str] = set()
    posts: set[str] = set()
    late = Dirt(0, 0, late=0.3, out_of_order=0, malformed=0, unusual=0, array=0)
    for event in events_of(some_records(1000, seed, dirt=late)):
        _check_references(event, users, posts)


def _check_references(event: dict[str, Any], users: set[str], posts: set[str]) -> None:
    payload = event["payload"]
    match event["event_type"]:
        case "user":
            users.add(payload["user_id"])
        case "post":
            assert payload["user_id"] in users
            posts.add(payload["post_id"])
        case "comment":
            assert payload["user_id"] in users
            assert payload["post_id"] in posts
        case _:
            assert {payload["user1_id"], payload["user2_id"]} <= users
            assert payload.get("post_id") in posts | {None}


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
def test_the_truth_that_a_record_brings_is_what_its_bytes_say(seed: int) -> None:
    for number, record in enumerate(some_records(500, seed)):
        judged = classify(record.data, NOON + number / 100).expected
        assert [e[:4] for e in record.expected] == [e[:4] for e in judged]


def test_every_reason_occurs_among_malformed_records() -> None:
    found = Counter(e.reason for r in some_records(3000) for e in r.expected if e.reason)
    assert set(found) == set(REASONS)


def test_a_duplicate_repeats_a_record_that_was_sent_and_is_valid() -> None:
    sent: set[bytes] = set()
    duplicates = 0
    for record in some_records(3000):
        if record.expected[0].duplicate:
            duplicates += 1
            assert record.data in sent
            assert all(e.outcome == "silver" for e in record.expected)
        elif record.expected[0].outcome == "silver":
            assert record.data not in sent
            sent.add(record.data)
    assert duplicates > 200


def test_event_ids_of_valid_events_are_unique_but_for_duplicates() -> None:
    events = [e for r in some_records(5000) for e in r.expected if e.outcome == "silver" and not e.duplicate]
    assert len({e.event_id for e in events}) == len(events)


def test_late_events_are_labelled_and_lie_up_to_six_hours_back() -> None:
    stream = Simulation(1, "run", 60, Dirt(late=0.5).scaled_to(0.5))
    late = []
    for number in range(2000):
        at = NOON + number / 100
        record = stream.next(at)
        if record.expected[0].dirt == "late":
            late.append(at - _event_time(record))
    assert len(late) > 300
    assert max(late) <= LATEST + 1
    assert max(late) > 3600


def _event_time(record: Record) -> float:
    return datetime.fromisoformat(json.loads(record.data)["event_time"]).timestamp()


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5])
def test_the_share_of_dirt_is_the_one_asked_for(share: float) -> None:
    records = some_records(20_000, dirt=Dirt().scaled_to(share))
    dirty = sum(record.expected[0].dirt is not None for record in records) / len(records)
    # a late request may find an event that was waiting already, which then counts as clean
    assert dirty == pytest.approx(share, rel=0.12, abs=0.001)


def test_a_record_of_a_file_never_holds_a_line_feed() -> None:
    dirt = Dirt(malformed=0.4, unusual=0.2, array=0.1)
    assert not any(b"\n" in record.data for record in some_records(5000, dirt=dirt))


def test_the_partition_key_is_the_acting_user() -> None:
    for record, event in zip(records := some_records(500, dirt=CLEAN), events_of(records), strict=True):
        payload = event["payload"]
        assert record.key == payload.get("user_id", payload.get("user1_id"))
