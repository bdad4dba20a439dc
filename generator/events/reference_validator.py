"""Decides from a record's bytes alone what must become of it: a second, independent validator of the contract.

It follows the contract (`docs/architecture.md`) and shares no code with the streaming job, so that
the audit can compare the two; `tests/contract/test_event_contract.py` checks that they agree.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from typing import Any, NamedTuple

from generator.events.kpl import disaggregate
from generator.events.records import (
    FUTURE_TOLERANCE,
    KINDS,
    MAX_EVENTS,
    MAX_TEXT,
    PAST_TOLERANCE,
    Expected,
    Record,
)

ACTIONS = ("like", "comment", "share")
ENVELOPE: tuple[tuple[str, type], ...] = (
    ("event_id", str),
    ("event_type", str),
    ("schema_version", int),
    ("event_time", str),
    ("payload", dict),
)
PAYLOADS: dict[str, tuple[tuple[str, type], ...]] = {
    "post": (("post_id", str), ("user_id", str), ("text", str)),
    "comment": (("comment_id", str), ("post_id", str), ("user_id", str), ("text", str)),
    "user": (("user_id", str), ("user_name", str)),
    "interaction": (("interaction_id", str), ("user1_id", str), ("user2_id", str), ("action", str)),
    "deletion": (("target_type", str), ("target_id", str)),
}
# Checked where they are present; in version 1 a user must have both fields.
OPTIONALS: dict[str, tuple[tuple[str, type], ...]] = {
    "post": (("lang", str),),
    "comment": (("lang", str),),
    "user": (("user_age", int), ("user_location", str)),
    "interaction": (("post_id", str),),
}
TARGETS = ("post", "comment", "interaction", "user")
# What `moodstream erase` leaves in an array where an event was; its place counts, and nothing must become of it.
ERASED = {"event_type": "erased"}
GONE = Expected(None, None, "erased")
MAX_DEPTH = 1024  # containers inside each other; deeper text counts as no JSON
MAX_CHARACTERS = {"user_name": 256, "user_location": 256, "source": 64, "lang": 64}
SECOND = 1_000_000  # microseconds
MAX_KEY = 256  # characters of a partition key that Kinesis takes

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class _Invalid(Exception):
    """Carries a reason code."""


class Subject(NamedTuple):
    """The item that a valid event is about: a deletion's target, or what the event itself brings.

    `at` is the event's time in epoch microseconds.
    """

    kind: str
    item_id: str
    at: int


class Verdict(NamedTuple):
    """What must become of a record's events, and the acting user (None if the bytes name none).

    `subjects` has one entry for each event; None where it is rejected, or of no kind that has items.
    """

    expected: tuple[Expected, ...]
    actor: str | None
    subjects: tuple[Subject | None, ...] = ()


def classify(data: bytes, arrival: float) -> Verdict:
    """Validate one record that arrives at epoch second `arrival`. Never raises; returns at least one event."""
    expected: list[Expected] = []
    subjects: list[Subject | None] = []
    actor: str | None = None
    for part in disaggregate(data) or [data]:
        try:
            value = parse(part)
        except _Invalid as invalid:
            expected.append(Expected(None, None, "rejected", str(invalid)))
            subjects.append(None)
            if len(expected) > MAX_EVENTS:
                return Verdict((Expected(None, None, "rejected", "too_many_events"),), actor)
            continue
        events = value if isinstance(value, list) and value else [value]
        actor = actor or _actor(events[0])
        if len(expected) + len(events) > MAX_EVENTS:
            return Verdict((Expected(None, None, "rejected", "too_many_events"),), actor)
        judged = [GONE if event == ERASED and event is not value else judge(event, arrival) for event in events]
        expected.extend(judged)
        subjects.extend(_subject(event, each) for event, each in zip(events, judged, strict=True))
    return Verdict(tuple(expected), actor, tuple(subjects))


def as_record(data: bytes, arrival: float) -> Record:
    """Make a record of foreign bytes: the partition key is the acting user, else a hash of the bytes."""
    expected, actor, _ = classify(data, arrival)
    if actor is None or len(actor) > MAX_KEY:
        actor = hashlib.sha256(data).hexdigest()[:16]
    return Record(data, actor, expected)


def parse(data: bytes) -> Any:
    """Read strict JSON: no NaN, no infinite number, no lone surrogate, no byte order mark."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise _Invalid("not_utf8") from None
    deep = data.count(b"[") + data.count(b"{") > 500 and _depth(text) > 500
    if deep and _depth(text) > MAX_DEPTH:
        raise _Invalid("not_json")
    limit = sys.getrecursionlimit()
    try:
        if deep:
            sys.setrecursionlimit(limit + 2 * MAX_DEPTH)
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_integer)
    except (ValueError, RecursionError):
        raise _Invalid("not_json") from None
    finally:
        sys.setrecursionlimit(limit)
    if "\\u" in text and _has_lone_surrogate(text):
        raise _Invalid("not_json")
    return value


def judge(event: object, arrival: float) -> Expected:
    """Judge one parsed event."""
    if not isinstance(event, dict):
        return Expected(None, None, "rejected", "wrong_type")
    event_id, kind = event.get("event_id"), event.get("event_type")
    reason: str | None = None
    try:
        _check(event, arrival)
    except _Invalid as invalid:
        reason = str(invalid)
    return Expected(
        event_id if isinstance(event_id, str) else None,
        kind if isinstance(kind, str) and kind in KINDS else None,
        "rejected" if reason else "silver",
        reason,
    )


def _subject(event: dict[str, Any], judged: Expected) -> Subject | None:
    if judged.outcome != "silver" or judged.entity is None:
        return None
    kind, payload = judged.entity, event["payload"]
    name = "target_id" if kind == "deletion" else f"{kind}_id"
    at = _event_time(event["event_time"])
    return Subject(payload["target_type"] if kind == "deletion" else kind, payload[name], at)


def _check(event: dict[str, Any], arrival: float) -> None:
    for name, kind in ENVELOPE:
        _check_field(event, name, kind)
    kind_of_event, version = event["event_type"], event["schema_version"]
    if kind_of_event not in PAYLOADS:
        raise _Invalid("unknown_event_type")
    if version < 1:
        raise _Invalid("wrong_type")
    at = _event_time(event["event_time"])
    if version > 1:
        _check_present(event, "source", str)
    _check_payload(kind_of_event, version, event["payload"])
    # In whole microseconds: sums of seconds as floats miss the bounds by one.
    ahead = at - round(arrival * SECOND)
    if ahead > FUTURE_TOLERANCE * SECOND:
        raise _Invalid("future_event_time")
    if ahead < -PAST_TOLERANCE * SECOND:
        raise _Invalid("event_too_old")


def _check_payload(kind_of_event: str, version: int, payload: dict[str, Any]) -> None:
    required, optional = PAYLOADS[kind_of_event], OPTIONALS.get(kind_of_event, ())
    if version == 1 and kind_of_event == "user":
        required, optional = (*required, *optional), ()
    for name, kind in required:
        _check_field(payload, name, kind)
    _check_content(kind_of_event, payload)
    for name, kind in optional:
        # Version 1 takes `lang` for an extra field, which is never an error.
        if version > 1 or name != "lang":
            _check_present(payload, name, kind)


def _check_content(event_type: str, payload: dict[str, Any]) -> None:
    if event_type == "interaction" and payload["action"] not in ACTIONS:
        raise _Invalid("unknown_action")
    if event_type == "deletion" and payload["target_type"] not in TARGETS:
        raise _Invalid("unknown_target_type")
    if event_type in ("post", "comment"):
        if not payload["text"].strip():
            raise _Invalid("empty_text")
        if len(payload["text"]) > MAX_TEXT:
            raise _Invalid("text_too_long")


def _check_field(holder: dict[str, Any], name: str, kind: type) -> None:
    if holder.get(name) is None:
        raise _Invalid("missing_field")
    _check_present(holder, name, kind)


def _check_present(holder: dict[str, Any], name: str, kind: type[Any]) -> None:
    """Check a value unless there is none: its type, then its characters, then its length."""
    value = holder.get(name)
    if value is None:
        return
    if type(value) is not kind or (isinstance(value, int) and not -(2**31) <= value < 2**31):
        raise _Invalid("wrong_type")
    if isinstance(value, str):
        _check_text(name, value)


def _check_text(name: str, value: str) -> None:
    is_id, longest = name.endswith("_id"), MAX_CHARACTERS.get(name)
    if is_id and not value:
        raise _Invalid("missing_field")
    if (is_id or longest) and "\x00" in value:
        raise _Invalid("bad_character")
    if is_id and (len(value) > 256 or len(value.encode()) > 512):
        raise _Invalid("id_too_long")
    if longest and len(value) > longest:
        raise _Invalid("field_too_long")


def _event_time(text: str) -> int:
    """Microseconds since 1970 of an ISO-8601 time with an offset, 1970 to 9999."""
    try:
        time = datetime.fromisoformat(text[:-1] + "Z" if text[-1:] == "z" else text)
        if time.tzinfo is None:
            raise _Invalid("bad_event_time")
        at = round(time.astimezone(UTC).timestamp() * SECOND)
    except (ValueError, OverflowError):
        raise _Invalid("bad_event_time") from None
    if at < 0:
        raise _Invalid("bad_event_time")
    return at


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _integer(text: str) -> int:
    _finite(text)
    return int(text)


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _STRUCTURE.finditer(text):
        if match[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif match[0] in "]}":
            depth -= 1
    return deepest


def _has_lone_surrogate(text: str) -> bool:
    waiting = -1  # where the low half must begin
    for match in _ESCAPE.finditer(text):
        unit = int(match[1], 16) if match[1] else 0
        if waiting >= 0 and not (match.start() == waiting and 0xDC00 <= unit <= 0xDFFF):
            return True
        if waiting >= 0:
            waiting = -1
        elif 0xD800 <= unit <= 0xDBFF:
            waiting = match.end()
        elif 0xDC00 <= unit <= 0xDFFF:
            return True
    return waiting >= 0


def _actor(event: object) -> str | None:
    payload = event.get("payload") if isinstance(event, dict) else None
    if isinstance(payload, dict):
        for name in ("user_id", "user1_id"):
            user = payload.get(name)
            if isinstance(user, str) and user:
                return user
    return None
