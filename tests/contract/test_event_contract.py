"""The event contract: the generator's witness and the streaming job read the same record the same way.

The two share no code, so a disagreement found here is a disagreement about the contract. What the
generator calls valid becomes a silver row, everything else a rejected row with that very reason.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from generator.events.kpl import aggregate
from generator.events.reference_validator import classify
from generator.simulation import Dirt, Simulation
from harness.chaos.hostile.reading import agree
from harness.chaos.hostile.records import START, records
from streaming.events import checks
from streaming.events.parse import Accepted, parse_record

ARRIVAL = 1_767_268_800.0  # 2026-01-01T12:00:00Z
PAYLOADS: dict[str, dict[str, Any]] = {
    "post": {"post_id": "p1", "user_id": "u1", "text": "hello"},
    "comment": {"comment_id": "c1", "post_id": "p1", "user_id": "u1", "text": "hello"},
    "user": {"user_id": "u1", "user_name": "ada", "user_age": 33, "user_location": "Lagos"},
    "interaction": {"interaction_id": "i1", "user1_id": "u1", "user2_id": "u2", "action": "like"},
    "deletion": {"target_type": "post", "target_id": "p1"},
}
FIELDS = sorted({name for payload in PAYLOADS.values() for name in payload})


def an_event(kind: str = "post", *, payload: dict[str, Any] | None = None, **overrides: Any) -> dict[str, Any]:
    return {
        "event_id": "e1",
        "event_type": kind,
        "schema_version": 1,
        "event_time": "2026-01-01T11:59:59.123Z",
        "payload": {**PAYLOADS[kind], **(payload or {})},
        **overrides,
    }


def a_line(kind: str = "post", **overrides: Any) -> bytes:
    return json.dumps(an_event(kind, **overrides), ensure_ascii=False).encode()


def witness(data: bytes) -> list[tuple[str, str | None, str | None]]:
    """Outcome, reason and event id of each event of a record, as the generator sees them."""
    return [(e.outcome, e.reason, e.event_id) for e in classify(data, ARRIVAL).expected]


def job(data: bytes) -> list[tuple[str, str | None, str | None]]:
    """The same, as the streaming job sees them."""
    events = parse_record(data, datetime.fromtimestamp(ARRIVAL, UTC))
    return [
        ("silver", None, e.event_id) if isinstance(e, Accepted) else ("rejected", e.reason, e.event_id) for e in events
    ]


def both(data: bytes) -> list[str]:
    """What both say: `silver` or a reason for each event; fails where they differ."""
    assert witness(data) == job(data)
    return [reason or outcome for outcome, reason, _ in job(data)]


LITERAL: dict[str, tuple[bytes, list[str]]] = {
    "a post": (a_line("post"), ["silver"]),
    "a comment": (a_line("comment"), ["silver"]),
    "a user": (a_line("user"), ["silver"]),
    "an interaction": (a_line("interaction"), ["silver"]),
    "an interaction with a post": (a_line("interaction", payload={"post_id": "p1"}), ["silver"]),
    "an interaction with a null post": (a_line("interaction", payload={"post_id": None}), ["silver"]),
    "an interaction with a number as post": (a_line("interaction", payload={"post_id": 5}), ["wrong_type"]),
    "unknown fields": (a_line(payload={"extra": [None, 1.5]}, source="app"), ["silver"]),
    "a newer schema": (a_line(schema_version=7), ["silver"]),
    "schema version 0": (a_line(schema_version=0), ["wrong_type"]),
    "schema version true": (a_line(schema_version=True), ["wrong_type"]),
    "schema version 1.0": (a_line(schema_version=1.0), ["wrong_type"]),
    "schema version beyond an int": (a_line(schema_version=2**31), ["wrong_type"]),
    "emoji": (a_line(payload={"text": "😀 שלום مرحبا"}), ["silver"]),
    "an escaped emoji": (json.dumps(an_event(payload={"text": "😀"})).encode(), ["silver"]),
    "nothing": (b"", ["not_json"]),
    "white space": (b" \n", ["not_json"]),
    "white space around": (b" \t\r\n" + a_line() + b"\r", ["silver"]),
    "null": (b"null", ["wrong_type"]),
    "a number": (b"5", ["wrong_type"]),
    "a string": (b'"x"', ["wrong_type"]),
    "an empty array": (b"[]", ["wrong_type"]),
    "an array of arrays": (b"[[]]", ["wrong_type"]),
    "an empty object": (b"{}", ["missing_field"]),
    "an array": (b"[" + a_line() + b",null," + a_line("user") + b"]", ["silver", "wrong_type", "silver"]),
    "broken UTF-8": (a_line().replace(b"hello", b"\xff"), ["not_utf8"]),
    "a surrogate in UTF-8": (a_line().replace(b"hello", b"\xed\xa0\x80"), ["not_utf8"]),
    "broken UTF-8 in broken JSON": (b"{\xff", ["not_utf8"]),
    "a byte order mark": (b"\xef\xbb\xbf" + a_line(), ["not_json"]),
    "a lone high surrogate": (a_line().replace(b"hello", b"\\ud83d"), ["not_json"]),
    "a lone low surrogate": (a_line().replace(b"hello", b"\\ude00"), ["not_json"]),
    "an escaped backslash before u": (a_line().replace(b"hello", b"\\\\ud83d"), ["silver"]),
    "NaN": (a_line().replace(b'"schema_version": 1', b'"schema_version": NaN'), ["not_json"]),
    "Infinity in an unknown field": (a_line()[:-1] + b',"x":-Infinity}', ["not_json"]),
    "a number that overflows": (a_line()[:-1] + b',"x":1e999}', ["not_json"]),
    "an integer that overflows": (a_line()[:-1] + b',"x":' + b"9" * 400 + b"}", ["not_json"]),
    "a big integer in an unknown field": (a_line()[:-1] + b',"x":' + b"9" * 40 + b"}", ["silver"]),
    "a big integer as age": (a_line("user").replace(b"33", b"9" * 40), ["wrong_type"]),
    "the same key twice": (a_line()[:-1] + b',"event_id":""}', ["missing_field"]),
    "a trailing comma": (a_line()[:-1] + b",}", ["not_json"]),
    "two objects": (a_line() + a_line(), ["not_json"]),
    "a control character": (a_line().replace(b"hello", b"a\x01b"), ["not_json"]),
    "an escaped null character": (a_line().replace(b"hello", b"a\\u0000b"), ["silver"]),
    "deep, but not too deep": (a_line()[:-1] + b',"x":' + b"[" * 1000 + b"]" * 1000 + b"}", ["silver"]),
    "too deep": (a_line()[:-1] + b',"x":' + b"[" * 1024 + b"]" * 1024 + b"}", ["not_json"]),
    "deep inside an array": (b"[" + a_line()[:-1] + b',"x":' + b"[" * 300 + b"]" * 300 + b"}]", ["silver"]),
    "an empty id": (a_line(event_id=""), ["missing_field"]),
    "a null id": (a_line(event_id=None), ["missing_field"]),
    "a number as id": (a_line(event_id=5), ["wrong_type"]),
    "an empty user id": (a_line(payload={"user_id": ""}), ["missing_field"]),
    "an empty user name": (a_line("user", payload={"user_name": ""}), ["silver"]),
    "an age as text": (a_line("user", payload={"user_age": "33"}), ["wrong_type"]),
    "an age as fraction": (a_line("user", payload={"user_age": 33.0}), ["wrong_type"]),
    "a negative age": (a_line("user", payload={"user_age": -1}), ["silver"]),
    "an unknown type": (a_line(event_type="story"), ["unknown_event_type"]),
    "an unknown type before its other faults": (a_line(event_type="story", schema_version=0), ["unknown_event_type"]),
    "an unknown type after a missing field": (a_line(event_type="story", event_time=None), ["missing_field"]),
    "a payload that is text": (a_line().replace(json.dumps(PAYLOADS["post"]).encode(), b'"{}"'), ["wrong_type"]),
    "an unknown action": (a_line("interaction", payload={"action": "dislike"}), ["unknown_action"]),
    "an unknown action and a wrong post": (
        a_line("interaction", payload={"action": "dislike", "post_id": 1}),
        ["unknown_action"],
    ),
    "an empty text": (a_line(payload={"text": ""}), ["empty_text"]),
    "a blank text": (a_line(payload={"text": " \u2003\u00a0\n"}), ["empty_text"]),
    "a zero width space": (a_line(payload={"text": "\u200b"}), ["silver"]),
    "a text of 10,000": (a_line(payload={"text": "😀" * 10_000}), ["silver"]),
    "a text of 10,001": (a_line(payload={"text": "a" * 10_001}), ["text_too_long"]),
    "a text of a megabyte": (a_line(payload={"text": "a" * 1_000_000}), ["text_too_long"]),
    "a null text": (a_line(payload={"text": None}), ["missing_field"]),
    "tomorrow, 24 h ahead": (a_line(event_time="2026-01-02T12:00:00Z"), ["silver"]),
    "a little later": (a_line(event_time="2026-01-02T12:00:00.001Z"), ["future_event_time"]),
    "in the future and blank": (a_line(event_time="2027-01-01T00:00:00Z", payload={"text": " "}), ["empty_text"]),
    "an offset": (a_line(event_time="2026-01-01T17:29:59+05:30"), ["silver"]),
    "nanoseconds": (a_line(event_time="2026-01-01T11:59:59.123456789Z"), ["silver"]),
    "no offset": (a_line(event_time="2026-01-01T11:59:59"), ["bad_event_time"]),
    "a date": (a_line(event_time="2026-01-01"), ["bad_event_time"]),
    "no time": (a_line(event_time="yesterday"), ["bad_event_time"]),
    "30 February": (a_line(event_time="2026-02-30T00:00:00Z"), ["bad_event_time"]),
    "before 1970": (a_line(event_time="1969-12-31T23:59:59Z"), ["bad_event_time"]),
    "before 1970 by its offset": (a_line(event_time="1970-01-01T00:00:00+01:00"), ["bad_event_time"]),
    "the last year": (a_line(event_time="9999-12-31T23:59:59Z"), ["future_event_time"]),
    "beyond the last year by its offset": (a_line(event_time="9999-12-31T23:59:59-01:00"), ["bad_event_time"]),
    "a number as time": (a_line(event_time=1_767_268_800), ["wrong_type"]),
    "lower case in a time": (a_line(event_time="2026-01-01t11:59:59.5z"), ["silver"]),
    "30 years ago": (a_line(event_time="1996-01-09T12:00:00Z"), ["silver"]),
    "over 30 years ago": (a_line(event_time="1996-01-09T11:59:59Z"), ["event_too_old"]),
    "old and blank": (a_line(event_time="1971-01-01T00:00:00Z", payload={"text": " "}), ["empty_text"]),
    "an id of 256 characters": (a_line(event_id="e" * 256), ["silver"]),
    "an id of 257 characters": (a_line(event_id="e" * 257), ["id_too_long"]),
    "an id of 512 bytes": (a_line(payload={"user_id": "😀" * 128}), ["silver"]),
    "an id of 516 bytes": (a_line(payload={"user_id": "😀" * 129}), ["id_too_long"]),
    "a long optional id": (a_line("interaction", payload={"post_id": "p" * 257}), ["id_too_long"]),
    "NUL in an id": (a_line(payload={"post_id": "p\0"}), ["bad_character"]),
    "NUL in a long id": (a_line(payload={"post_id": "p\0" * 300}), ["bad_character"]),
    "NUL in a place": (a_line("user", payload={"user_location": "Par\0is"}), ["bad_character"]),
    "a place of 256": (a_line("user", payload={"user_location": "😀" * 256}), ["silver"]),
    "a place of 257": (a_line("user", payload={"user_location": "x" * 257}), ["field_too_long"]),
    "a name of 257": (a_line("user", payload={"user_name": "x" * 257}), ["field_too_long"]),
    "no age in version 1": (a_line("user", payload={"user_age": None}), ["missing_field"]),
    "no age in version 2": (a_line("user", payload={"user_age": None}, schema_version=2), ["silver"]),
    "no place in version 2": (a_line("user", payload={"user_location": None}, schema_version=2), ["silver"]),
    "an age as text in version 2": (a_line("user", payload={"user_age": "3"}, schema_version=2), ["wrong_type"]),
    "language and source": (a_line(payload={"lang": "en"}, source="app", schema_version=2), ["silver"]),
    "a source that is no text": (a_line(source=5, schema_version=2), ["wrong_type"]),
    "a source that is no text in version 1": (a_line(source=5), ["silver"]),
    "a long source": (a_line(source="x" * 65, schema_version=2), ["field_too_long"]),
    "a long source in version 1": (a_line(source="x" * 65), ["silver"]),
    "a language that is no text": (a_line(payload={"lang": ["en"]}, schema_version=2), ["wrong_type"]),
    "a language that is no text in version 1": (a_line(payload={"lang": ["en"]}), ["silver"]),
    "a deletion": (a_line("deletion"), ["silver"]),
    "a deletion of a story": (a_line("deletion", payload={"target_type": "story"}), ["unknown_target_type"]),
    "a deletion of nothing": (a_line("deletion", payload={"target_id": None}), ["missing_field"]),
    "10,000 events": (b"[" + b"1," * 9_999 + b"1]", ["wrong_type"] * 10_000),
    "10,001 events": (b"[" + b"1," * 10_000 + b"1]", ["too_many_events"]),
    "10,001 events in an aggregate": (aggregate([("u", b"[" + b"1," * 5_000 + b"1]")] * 2), ["too_many_events"]),
    "an aggregate": (
        aggregate([("u1", a_line()), ("u2", b"null"), ("u1", b"[" + a_line() + b"]")]),
        ["silver", "wrong_type", "silver"],
    ),
    "an empty aggregate": (aggregate([]), ["not_utf8"]),
    "an aggregate of nothing": (aggregate([("u1", b"")]), ["not_json"]),
    "a broken aggregate": (aggregate([("u1", a_line())])[:-1], ["not_utf8"]),
}


@pytest.mark.parametrize("case", LITERAL)
def test_both_sides_read(case: str) -> None:
    data, expected = LITERAL[case]
    assert both(data) == expected


@pytest.mark.parametrize(
    ("away", "reason"),
    [
        (timedelta(hours=24), None),
        (timedelta(hours=24, microseconds=1), "future_event_time"),
        (-timedelta(days=30 * 365), None),
        (-timedelta(days=30 * 365, microseconds=1), "event_too_old"),
    ],
)
@pytest.mark.parametrize("microsecond", [0, 111, 123_456, 999_999])
def test_both_sides_know_the_bounds_of_time_to_the_microsecond(
    away: timedelta, reason: str | None, microsecond: int
) -> None:
    arrival = datetime.fromtimestamp(ARRIVAL, UTC).replace(microsecond=microsecond)
    data = a_line(event_time=(arrival + away).isoformat())
    [expected] = classify(data, arrival.timestamp()).expected
    [found] = parse_record(data, arrival)
    assert (expected.reason, getattr(found, "reason", None)) == (reason, reason)


def an_aggregate_with(fields: bytes) -> bytes:
    """An aggregate of a post whose protocol buffer ends with these fields."""
    body = aggregate([("u1", a_line())])[4:-16] + fields
    return b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body, usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (b"\x20\x01", ["silver"]),  # a number
        (b"\x25\0\0\0\0", ["silver"]),  # four bytes
        (b"\x21" + b"\0" * 8, ["silver"]),  # eight bytes
        (b"\x23\x08\x01\x24", ["silver"]),  # a group
        (b"\x18\x01", ["silver"]),  # a record that is a number
        (b"\x1a\x0a\x1a\x01{\x1a\x051    ", ["silver", "wrong_type"]),  # a record with its data twice: the last counts
        (b"\x23", ["not_utf8"]),  # a group that does not end
        (b"\x24", ["not_utf8"]),  # a group that did not begin
        (b"\x02\0", ["not_utf8"]),  # a field of number 0
        (b"\x1a\x7f", ["not_utf8"]),  # cut off
    ],
)
def test_both_sides_read_an_aggregate_as_protocol_buffers_are_read(fields: bytes, expected: list[str]) -> None:
    assert both(an_aggregate_with(fields)) == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
@example(b"\xf3\x89\x9a\xc2")
def test_both_sides_agree_about_any_bytes(data: bytes) -> None:
    both(data)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["", " ", "like", "post", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+01:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=5,
)
ENVELOPE = ["event_id", "event_type", "schema_version", "event_time", "payload"]


@st.composite
def nearly_valid(draw: st.DrawFn) -> Any:
    """A valid event in which up to three fields are missing or hold something else."""
    event = an_event(draw(st.sampled_from(sorted(PAYLOADS))))
    for _ in range(draw(st.integers(0, 3))):
        holder = event["payload"] if draw(st.booleans()) and isinstance(event.get("payload"), dict) else event
        name = draw(st.sampled_from(FIELDS if holder is not event else ENVELOPE))
        if draw(st.booleans()):
            holder.pop(name, None)
        else:
            holder[name] = draw(json_values)
    return event


@settings(max_examples=400, deadline=None)
@given(nearly_valid(), st.booleans())
def test_both_sides_agree_about_nearly_valid_events(event: Any, ascii_only: bool) -> None:
    both(json.dumps(event, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@settings(max_examples=100, deadline=None)
@given(st.lists(nearly_valid() | json_values, max_size=4))
def test_both_sides_agree_about_arrays(events: list[Any]) -> None:
    both(json.dumps(events).encode())


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PAYLOADS)), st.data())
def test_both_sides_agree_about_damaged_bytes(kind: str, data: st.DataObject) -> None:
    line = bytearray(a_line(kind))
    for _ in range(data.draw(st.integers(1, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    both(bytes(line))


PECULIAR: dict[str, dict[str, Any]] = {
    "user_age": {"user_age": 2**31},
    "a negative age": {"user_age": -1},
    "a long id": {"user_id": "é" * 200},
    "a very long id": {"user_id": "é" * 257},
    "an empty id": {"user_id": ""},
    "an empty name": {"user_name": "", "user_location": ""},
    "NUL in an id": {"user_id": "\0"},
    "NUL in a text": {"text": "a\0b"},
    "blanks": {"text": " \u2003\n"},
    "a list": {"text": ["a"]},
    "an unknown action": {"action": "hug", "target_type": "feed"},
    "true as age": {"user_age": True},
    "no place": {"user_location": None},
}


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("payload", PECULIAR.values(), ids=PECULIAR)
@pytest.mark.parametrize("envelope", [{}, {"source": 5}, {"source": "", "lang": "en"}, {"source": "x" * 65}], ids=str)
def test_an_event_is_read_at_first_sight_as_it_is_field_by_field(
    kind: str, version: int, payload: dict[str, Any], envelope: dict[str, Any]
) -> None:
    assert_read_alike(a_line(kind, payload=payload, schema_version=version, **envelope))


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(records(START))
def test_a_hostile_event_is_read_at_first_sight_as_it_is_field_by_field(data: bytes) -> None:
    assert_read_alike(data)


def assert_read_alike(data: bytes) -> None:
    arrival = datetime.fromtimestamp(ARRIVAL, UTC)
    with pytest.MonkeyPatch.context() as patch:
        at_first_sight = parse_record(data, arrival)
        patch.setattr(checks, "_is_plain", lambda _: False)
        assert at_first_sight == parse_record(data, arrival)


def test_most_events_are_read_at_first_sight() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(checks, "_checked")
        for kind in PAYLOADS:
            assert both(a_line(kind)) == ["silver"]


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(records(START))
def test_both_sides_agree_about_hostile_records(data: bytes) -> None:
    """Arrays of 10,000 events and texts of as many characters are too large and too slow for Hypothesis' taste."""
    agree(data, START)


def test_the_job_agrees_with_the_truth_of_every_generated_record() -> None:
    dirt = Dirt(malformed=0.2, unusual=0.1, array=0.05, aggregated=0.02, late=0.05)
    stream = Simulation(3, "contract", 500, dirt)
    for number in range(5000):
        record = stream.next(ARRIVAL + number / 100)
        told = [(e.outcome, e.reason, e.event_id) for e in record.expected]
        assert told == job(record.data)
