"""The event contract, record by record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given
from hypothesis import strategies as st

from streaming.events.contract import REASONS
from streaming.events.parse import Accepted, Rejected, parse_record
from tests.builders import NOON, a_record, an_event


def reason_of(data: bytes) -> str:
    (event,) = parse_record(data, NOON)
    assert isinstance(event, Rejected), event
    return event.reason


def accepted(data: bytes) -> Accepted:
    (event,) = parse_record(data, NOON)
    assert isinstance(event, Accepted), event
    return event


@pytest.mark.parametrize("entity", ["post", "comment", "user", "interaction"])
def test_a_valid_event_of_each_type_is_accepted_as_it_came(entity: str) -> None:
    data = a_record(entity)
    event = accepted(data)
    assert (event.event_type, event.event_id, event.event_time) == (entity, "e1", NOON)
    assert event.raw == data.decode()


REJECTIONS: list[tuple[str, bytes]] = [
    ("not_utf8", b"\xff\xfe{}"),
    ("not_utf8", a_record().replace(b"good", b"g\xf0\x28od")),
    ("not_json", b""),
    ("not_json", b"{"),
    ("not_json", b"\xef\xbb\xbf{}"),
    ("not_json", a_record().replace(b'"schema_version": 1', b'"schema_version": NaN')),
    ("not_json", a_record().replace(b"good", b"\\ud800")),
    ("wrong_type", b"null"),
    ("wrong_type", b"[]"),
    ("wrong_type", b'"text"'),
    ("missing_field", b"{}"),
    ("missing_field", a_record(event_id=None)),
    ("missing_field", a_record(event_id="")),
    ("missing_field", a_record(payload={"user_id": None})),
    ("missing_field", a_record("user", {"user_age": None})),
    ("wrong_type", a_record(event_id=7)),
    ("wrong_type", a_record(schema_version="1")),
    ("wrong_type", a_record(schema_version=True)),
    ("wrong_type", a_record(schema_version=0)),
    ("wrong_type", a_record(payload={"text": 7})),
    ("wrong_type", a_record("user", {"user_age": 36.5})),
    ("wrong_type", a_record("user", {"user_age": "36"})),
    ("wrong_type", a_record("user", {"user_age": 2**31})),
    ("wrong_type", a_record("interaction", {"post_id": 7})),
    ("unknown_event_type", a_record("sale")),
    ("unknown_action", a_record("interaction", {"action": "poke"})),
    ("empty_text", a_record(payload={"text": ""})),
    ("empty_text", a_record("comment", {"text": " \n\u2003"})),
    ("text_too_long", a_record(payload={"text": "😀" * 10_001})),
    ("bad_event_time", a_record(event_time="yesterday")),
    ("bad_event_time", a_record(event_time="2026-01-01T12:00:00")),
    ("bad_event_time", a_record(event_time="1969-12-31T23:59:59Z")),
    ("bad_event_time", a_record(event_time="9999-12-31T23:59:59-10:00")),
    ("future_event_time", a_record(event_time="2026-01-02T12:00:01Z")),
    ("event_too_old", a_record(event_time="1990-01-01T00:00:00Z")),
    ("too_many_events", b"[" + b"1," * 32_799 + b"1]"),
    ("bad_character", a_record(payload={"post_id": "p\0"})),
    ("bad_character", a_record("user", {"user_location": "Par\0is"})),
    ("id_too_long", a_record(event_id="e" * 257)),
    ("id_too_long", a_record("interaction", {"user2_id": "😀" * 129})),
    ("id_too_long", a_record("interaction", {"post_id": "p" * 257})),
    ("field_too_long", a_record("user", {"user_location": "x" * 3000})),
    ("field_too_long", a_record("user", {"user_name": "x" * 257})),
    ("field_too_long", a_record(schema_version=2, source="x" * 65)),
    ("unknown_target_type", a_record("deletion", {"target_type": "story", "target_id": "p1"})),
    ("missing_field", a_record("deletion", {"target_type": "post", "target_id": ""})),
    ("wrong_type", a_record(schema_version=2, source=7)),
    ("wrong_type", a_record(payload={"lang": 7}, schema_version=2)),
]


@pytest.mark.parametrize(("reason", "data"), REJECTIONS)
def test_a_broken_record_is_rejected_for_its_own_reason(reason: str, data: bytes) -> None:
    assert reason_of(data) == reason


def test_every_reason_has_an_example() -> None:
    assert {reason for reason, _ in REJECTIONS} == set(REASONS)


@pytest.mark.parametrize(
    "data",
    [
        a_record(schema_version=99, new_field={"a": [1]}),
        a_record(payload={"language": "fr"}),
        a_record(payload={"text": "😀" * 10_000}),
        a_record(payload={"text": "\u202eمرحبا\u0000"}),
        a_record("interaction", {"post_id": None}),
        a_record("user", {"user_age": -1}),
        a_record(event_time="2026-01-02T12:00:00Z"),
        a_record(event_time="1999-01-01T00:00:00.123456789+05:30"),
        a_record(event_time="2026-01-01t12:00:00z"),
        a_record(event_id="e1", payload={"post_id": "p" * 256, "user_id": "é" * 256}),
        a_record("user", {"user_age": None, "user_location": None}, schema_version=2),
        a_record("deletion", {"target_type": "post", "target_id": "p1"}),
        a_record(source={"any": "thing"}, payload={"lang": 7}),
        b" \n" + a_record() + b"\r\n",
    ],
)
def test_unusual_but_valid_events_are_accepted(data: bytes) -> None:
    assert accepted(data).event_id == "e1"


def test_event_times_are_turned_to_utc() -> None:
    assert accepted(a_record(event_time="2026-01-01T13:30:00.5+01:30")).event_time == NOON + timedelta(seconds=0.5)


def test_an_array_yields_each_of_its_events_good_or_bad() -> None:
    data = json.dumps([an_event(event_id="a"), 5, an_event(event_id="b", payload={"text": ""})]).encode()
    first, second, third = parse_record(data, NOON)
    assert isinstance(first, Accepted)
    assert json.loads(first.raw) == an_event(event_id="a")
    assert second == Rejected(1, "wrong_type", "an event must be an object, not a number", raw="5")
    assert isinstance(third, Rejected)
    assert (third.record_index, third.reason, third.event_id) == (2, "empty_text", "b")


def an_aggregate(*records: bytes) -> bytes:
    aggregator = RecordAggregator()
    for record in records:
        aggregator.add_user_record("key", record)
    data: bytes = aggregator.clear_and_get().get_contents()[2]
    return data


def test_an_aggregate_yields_the_events_of_its_records_numbered_through() -> None:
    data = an_aggregate(a_record(event_id="a"), f"[{a_record().decode()},1]".encode(), b"\xff")
    events = parse_record(data, NOON)
    assert [event.record_index for event in events] == [0, 1, 2, 3]
    assert [type(event) for event in events] == [Accepted, Accepted, Rejected, Rejected]


def test_a_damaged_aggregate_is_one_rejected_record() -> None:
    assert reason_of(an_aggregate(a_record())[:-1] + b"\x00") == "not_utf8"


@given(st.binary(max_size=200))
def test_no_bytes_whatever_stop_the_parser(data: bytes) -> None:
    assert parse_record(data, NOON)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(field=st.sampled_from(["event_id", "event_type", "schema_version", "event_time", "payload"]), value=JSON)
def test_no_value_of_an_envelope_field_stops_the_parser(field: str, value: Any) -> None:
    for event in parse_record(json.dumps(an_event() | {field: value}).encode(), datetime.now(UTC)):
        assert isinstance(event, Accepted) or event.reason in REASONS


@given(field=st.sampled_from(["user_id", "user_name", "user_age", "user_location"]), value=JSON)
def test_no_value_of_a_payload_field_stops_the_parser(field: str, value: Any) -> None:
    for event in parse_record(a_record("user", {field: value}), NOON):
        assert isinstance(event, Accepted) or event.reason in REASONS


def test_the_text_of_an_arrays_event_is_what_came_not_what_was_read() -> None:
    """Big numbers, doubled keys, escapes and blanks are kept."""
    odd = a_record()[:-1].decode() + ', "n": 12345678901234567890123, "n": 1.50, "s" : "\\u00e9" }'
    first, second = parse_record(f"[ {odd} ,{odd}]".encode(), NOON)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.raw == second.raw == odd


def test_a_record_of_too_many_events_is_one_rejected_event_that_keeps_the_record() -> None:
    data = an_aggregate(*[b"[" + b"1," * 5_000 + b"1]"] * 2)
    assert parse_record(data, NOON) == [
        Rejected(0, "too_many_events", "the record holds over 10,000 events; send several records")
    ]


def test_version_2_brings_language_and_source() -> None:
    event = accepted(a_record(schema_version=2, source="bluesky", payload={"lang": "pt-BR"}))
    assert (event.source, event.payload["lang"]) == ("bluesky", "pt-BR")


def test_version_1_uses_language_and_source_where_they_are_sound() -> None:
    assert accepted(a_record(source="app")).source == "app"
    assert accepted(a_record(source="x" * 65)).source is None
    assert accepted(a_record(source=7)).source is None


def test_a_deletion_names_what_goes() -> None:
    event = accepted(a_record("deletion", {"target_type": "user", "target_id": "u1"}, schema_version=2))
    assert event.payload == {"target_type": "user", "target_id": "u1"}
