"""Deletions and edits that the generator mixes in concern what it sends, and come in every order."""

from __future__ import annotations

import json
from collections import Counter

from generator.changes import IDS, Changes
from generator.events.records import Record
from generator.events.reference_validator import classify
from generator.simulation import Dirt, Simulation
from tests.builders import NOON

START = NOON.timestamp()
CLEAN = Dirt().scaled_to(0.0)


def records(count: int, deletions: float = 0.0, edits: float = 0.0, dirt: Dirt = CLEAN) -> list[Record]:
    stream = Changes(Simulation(1, "run", 200, dirt), "changes", deletions, edits)
    return [stream.next(START + number / 100) for number in range(count)]


def payloads(found: list[Record], kind: str) -> list[dict[str, str]]:
    events = [json.loads(record.data) for record in found]
    return [event["payload"] for event in events if event["event_type"] == kind]


def test_without_changes_the_records_are_the_platforms_own() -> None:
    stream = Simulation(1, "run", 200, CLEAN)
    assert records(500) == [stream.next(START + number / 100) for number in range(500)]


def test_the_share_of_deletions_is_as_asked_and_they_come_early_twice_and_for_nothing() -> None:
    found = records(10_000, deletions=0.05)
    deletions = payloads(found, "deletion")
    assert 420 < len(deletions) < 580
    places = {
        (kind, payload[column]): place
        for kind, column in IDS.items()
        for place, record in enumerate(found)
        if record.expected[0].entity == kind and (payload := json.loads(record.data)["payload"])
    }
    targets = Counter((each["target_type"], each["target_id"]) for each in deletions)
    assert sum(count > 1 for count in targets.values()) > 10
    assert 5 < sum(target not in places for target in targets) < 100
    early = [
        place
        for place, record in enumerate(found)
        if record.expected[0].entity == "deletion"
        and places.get(tuple(json.loads(record.data)["payload"].values()), 0) > place  # type: ignore[arg-type]
    ]
    assert len(early) > 5


def test_an_edit_has_a_known_id_other_words_and_mostly_a_later_time() -> None:
    found = records(8_000, edits=0.05)
    times: dict[str, list[str]] = {}
    texts: dict[str, set[str]] = {}
    for record in found:
        event = json.loads(record.data)
        if event["event_type"] == "post":
            times.setdefault(event["payload"]["post_id"], []).append(event["event_time"])
            texts.setdefault(event["payload"]["post_id"], set()).add(event["payload"]["text"])
    edited = {name: each for name, each in times.items() if len(each) > 1}
    assert len(edited) > 100
    assert all(len(texts[name]) > 1 for name in edited)
    assert 0 < sum(each != sorted(each) for each in edited.values()) < len(edited) / 2


def test_every_record_is_what_the_ledger_expects() -> None:
    for record in records(5_000, deletions=0.05, edits=0.05, dirt=Dirt()):
        expected = [(each.event_id, each.outcome) for each in record.expected]
        found = [(each.event_id, each.outcome) for each in classify(record.data, START + 3600).expected]
        assert found == expected
