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
    MAX_TEXT,
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
    "user": (("user_id", str), ("user_name", str), ("user_age", int), ("user_location", str)),
    "interaction": (("interaction_id", str), ("user1_id", str), ("user2_id", str), ("action", str)),
}
# What `moodstream erase` leaves in an array where an event was; its place counts, and nothing must become of it.
ERASED = {"event_type": "erased"}
GONE = Expected(None, None, "erased")
MAX_DEPTH = 1024  # containers inside each other; deeper text counts as no JSON
MAX_KEY = 256  # characters of a partition key that Kinesis takes

_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|.)", re.DOTALL)
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


class _Invalid(Exception):
    """Carries a reason code."""


class Verdict(NamedTuple):
    """What must become of a record's events, and the acting user (None if the bytes name none)."""

    expected: tuple[Expected, ...]
    actor: str | None


def classify(data: bytes, arrival: float) -> Verdict:
    """Validate one record that arrives at epoch second `arrival`. Never raises; returns at least one event."""
    expected: list[Expected] = []
    actor: str | None = None
    for part in disaggregate(data) or [data]:
        try:
            value = parse(part)
        except _Invalid as invalid:
            expected.append(Expected(None, None, "rejected", str(invalid)))
            continue
        events = value if isinstance(value, list) and value else [value]
        expected.extend(GONE if event == ERASED and event is not value else judge(event, arrival) for event in events)
        actor = actor or _actor(events[0])
    return Verdict(tuple(expected), actor)


def as_record(data: bytes, arrival: float) -> Record:
    """Make a record of foreign bytes: the partition key is the acting user, else a hash of the bytes."""
    expected, actor = classify(data, arrival)
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


def _check(event: dict[str, Any], arrival: float) -> None:
    for name, kind in ENVELOPE:
        _check_field(event, name, kind)
    if event["event_type"] not in KINDS:
        raise _Invalid("unknown_event_type")
    if event["schema_version"] < 1:
        raise _Invalid("wrong_type")
    at = _event_time(event["event_time"])
    for name, kind in PAYLOADS[event["event_type"]]:
        _check_field(event["payload"], name, kind)
    _check_content(event["event_type"], event["payload"])
    if at > arrival + FUTURE_TOLERANCE:
        raise _Invalid("future_event_time")


def _check_content(event_type: str, payload: dict[str, Any]) -> None:
    if event_type == "interaction":
        if payload["action"] not in ACTIONS:
            raise _Invalid("unknown_action")
        if not isinstance(payload.get("post_id"), str | None):
            raise _Invalid("wrong_type")
    if event_type in ("post", "comment"):
        if not payload["text"].strip():
            raise _Invalid("empty_text")
        if len(payload["text"]) > MAX_TEXT:
            raise _Invalid("text_too_long")


def _check_field(holder: dict[str, Any], name: str, kind: type) -> None:
    value: Any = holder.get(name)
    if value is None:
        raise _Invalid("missing_field")
    if type(value) is not kind or (isinstance(value, int) and not -(2**31) <= value < 2**31):
        raise _Invalid("wrong_type")
    if name.endswith("_id") and not value:
        raise _Invalid("missing_field")


def _event_time(text: str) -> float:
    """Epoch seconds of an ISO-8601 time with an offset, 1970 to 9999."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise _Invalid("bad_event_time")
        seconds = time.astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise _Invalid("bad_event_time") from None
    if seconds < 0:
        raise _Invalid("bad_event_time")
    return seconds


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
