"""The event contract: what a record on the stream may hold, and why an event is rejected.

Pure Python on bytes, so that it can be tested without Spark. `parse_record` never raises: whatever bytes arrive, it
returns each event in them once, as Accepted or as Rejected with a reason. Types are checked strictly, which Spark's own
JSON reader cannot do (it turns any value into a string).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import orjson

from streaming.events.kpl import user_records

MAX_TEXT = 10_000
MAX_AHEAD = timedelta(hours=24)
# `moodstream erase` puts this in an array in the place of an event, so that the others keep their positions.
ERASED: Mapping[str, Any] = {"event_type": "erased"}
INT32 = range(-(2**31), 2**31)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ACTIONS = frozenset({"like", "comment", "share"})
FIELDS: Mapping[str, Mapping[str, type]] = {
    "post": {"post_id": str, "user_id": str, "text": str},
    "comment": {"comment_id": str, "post_id": str, "user_id": str, "text": str},
    "user": {"user_id": str, "user_name": str, "user_age": int, "user_location": str},
    "interaction": {"interaction_id": str, "user1_id": str, "user2_id": str, "action": str},
}
ENVELOPE: Mapping[str, type] = {
    "event_id": str,
    "event_type": str,
    "schema_version": int,
    "event_time": str,
    "payload": dict,
}

# A string, or a character that opens, separates or closes arrays and objects.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)

NOT_UTF8 = "not_utf8"
NOT_JSON = "not_json"
MISSING_FIELD = "missing_field"
WRONG_TYPE = "wrong_type"
UNKNOWN_EVENT_TYPE = "unknown_event_type"
UNKNOWN_ACTION = "unknown_action"
EMPTY_TEXT = "empty_text"
TEXT_TOO_LONG = "text_too_long"
BAD_EVENT_TIME = "bad_event_time"
FUTURE_EVENT_TIME = "future_event_time"
REASONS = (
    NOT_UTF8,
    NOT_JSON,
    MISSING_FIELD,
    WRONG_TYPE,
    UNKNOWN_EVENT_TYPE,
    UNKNOWN_ACTION,
    EMPTY_TEXT,
    TEXT_TOO_LONG,
    BAD_EVENT_TIME,
    FUTURE_EVENT_TIME,
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that meets the contract. `raw` is its JSON text as it arrived, unknown fields included."""

    record_index: int
    event_id: str
    event_type: str
    schema_version: int
    event_time: datetime
    payload: Mapping[str, Any]
    raw: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event, or a whole record, that breaks the contract; `detail` is for people."""

    record_index: int
    reason: str
    detail: str
    event_id: str | None = None


class _Refused(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def parse_record(data: bytes, arrival: datetime) -> list[Accepted | Rejected]:
    """Split one Kinesis record into its events: it is an event, a JSON array of events, or a KPL aggregate of these.

    An event may be at most MAX_AHEAD later than `arrival` (an aware time). Never raises. The list is empty only if all
    of the record's events were erased.
    """
    values = chain.from_iterable(_values(part) for part in user_records(data))
    return [_check(index, value, raw, arrival) for index, (value, raw) in enumerate(values) if raw is not None]


def _values(data: bytes) -> Iterator[tuple[Any, str | _Refused | None]]:
    """Each JSON value that may be an event, with its text (None: erased); or why the record is unreadable."""
    try:
        text = data.decode("utf-8")
        value = orjson.loads(data)
    except UnicodeDecodeError as error:
        yield None, _Refused(NOT_UTF8, f"byte {error.start} is not UTF-8")
        return
    except orjson.JSONDecodeError as error:
        yield None, _Refused(NOT_JSON, str(error))
        return
    if not isinstance(value, list):
        yield value, text
    elif not value:
        yield None, _Refused(WRONG_TYPE, "the array holds no event")
    else:
        for event, raw in zip(value, event_texts(value, text), strict=True):
            yield event, None if event == ERASED else raw


def event_texts(array: list[Any], text: str) -> list[str]:
    """The JSON text of each element of `array`; `text` is the JSON text of the whole array."""
    try:
        return [orjson.dumps(element).decode() for element in array]
    except orjson.JSONEncodeError:  # orjson reads values that are nested 1024 deep, but writes only 254
        return list(_sliced(text))


def _sliced(text: str) -> Iterator[str]:
    depth = start = 0
    for token in _STRUCTURE.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth == 1 and token[0] == "[" and not start:
            start = token.end()
        elif (depth == 1 and token[0] == ",") or depth == 0:
            yield text[start : token.start()].strip()
            start = token.end()


def _check(index: int, value: Any, raw: str | _Refused, arrival: datetime) -> Accepted | Rejected:
    if isinstance(raw, _Refused):
        return Rejected(index, raw.reason, raw.detail)
    try:
        return _accept(index, value, raw, arrival)
    except _Refused as refused:
        event_id = value.get("event_id") if isinstance(value, dict) else None
        known = event_id if isinstance(event_id, str) else None
        return Rejected(index, refused.reason, refused.detail, known)


def _accept(index: int, event: Any, raw: str, arrival: datetime) -> Accepted:
    if not isinstance(event, dict):
        raise _Refused(WRONG_TYPE, f"an event must be an object, not {_json_type(event)}")
    _check_fields(event, ENVELOPE, "")
    event_type = event["event_type"]
    if event_type not in FIELDS:
        raise _Refused(UNKNOWN_EVENT_TYPE, f"event_type '{event_type[:80]}' is not one of {', '.join(FIELDS)}")
    if event["schema_version"] < 1:
        raise _Refused(WRONG_TYPE, "schema_version must be at least 1")
    event_time = _event_time(event["event_time"])
    payload = event["payload"]
    _check_fields(payload, FIELDS[event_type], "payload.")
    _check_content(event_type, payload)
    if event_time > arrival + MAX_AHEAD:
        raise _Refused(FUTURE_EVENT_TIME, f"event_time {event_time.isoformat()} is more than 24 h after its arrival")
    return Accepted(index, event["event_id"], event_type, event["schema_version"], event_time, payload, raw)


def _check_fields(holder: Mapping[str, Any], fields: Mapping[str, type], prefix: str) -> None:
    for name, expected in fields.items():
        value = holder.get(name)
        if value is None:
            raise _Refused(MISSING_FIELD, f"{prefix}{name} is missing")
        if type(value) is not expected or (expected is int and value not in INT32):
            raise _Refused(WRONG_TYPE, f"{prefix}{name} is {_json_type(value)}, expected {expected.__name__}")
        if value == "" and name.endswith("_id"):
            raise _Refused(MISSING_FIELD, f"{prefix}{name} is empty")


def _check_content(event_type: str, payload: Mapping[str, Any]) -> None:
    if event_type == "interaction":
        if payload["action"] not in ACTIONS:
            raise _Refused(
                UNKNOWN_ACTION,
                f"action '{payload['action'][:80]}' is not one of {', '.join(sorted(ACTIONS))}",
            )
        post_id = payload.get("post_id")
        if post_id is not None and type(post_id) is not str:
            raise _Refused(WRONG_TYPE, f"payload.post_id is {_json_type(post_id)}, expected str")
    text = payload.get("text") if event_type in ("post", "comment") else None
    if text is not None and not text.strip():
        raise _Refused(EMPTY_TEXT, "text is empty")
    if text is not None and len(text) > MAX_TEXT:
        raise _Refused(TEXT_TOO_LONG, f"text has {len(text)} characters, at most {MAX_TEXT} are allowed")


def _event_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise _Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' has no UTC offset")
        time = time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' is not an ISO 8601 time") from error
    if time < EPOCH:
        raise _Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' is before 1970")
    return time


def _json_type(value: Any) -> str:
    names = {
        dict: "an object",
        list: "an array",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return names.get(type(value), "a number")
