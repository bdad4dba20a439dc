"""The event contract: what a record on the stream may hold, and why an event is rejected.

Pure Python on bytes, so that it can be tested without Spark. `parse_record` never raises: whatever bytes arrive, it
returns each event in them once, as Accepted or as Rejected with a reason. Types are checked strictly, which Spark's own
JSON reader cannot do (it turns any value into a string).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from streaming.events.kpl import user_records

MAX_TEXT = 10_000  # characters
MAX_AHEAD = timedelta(hours=24)
# Older events would open a partition, and rewrite rows of gold, for each day of a past that nobody watches any more.
MAX_AGE = timedelta(days=30 * 365)
# In one record. A producer's batch has some thousands; 1 MiB of `[1,1,...]` would otherwise become 500,000 rows.
MAX_EVENTS = 10_000
# What Redshift's columns hold whole: varchar(512) for ids, varchar(1024) for names and places, counted in bytes of
# UTF-8, of which a character has four at most. PostgreSQL's index takes keys of 2,704 bytes.
MAX_ID, MAX_ID_BYTES = 256, 512
MAX_NAME = 256
MAX_SOURCE = 64
# `moodstream erase` puts this in an array in the place of an event, so that the others keep their positions.
ERASED: Mapping[str, Any] = {"event_type": "erased"}
INT32 = range(-(2**31), 2**31)
MAX_INT32 = INT32[-1]
# Even of the widest characters, so many are at most MAX_ID_BYTES.
SHORT_ID = MAX_ID_BYTES // 4
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

ACTIONS = frozenset({"like", "comment", "share"})
FIELDS: Mapping[str, Mapping[str, type]] = {
    "post": {"post_id": str, "user_id": str, "text": str},
    "comment": {"comment_id": str, "post_id": str, "user_id": str, "text": str},
    "user": {"user_id": str, "user_name": str},
    "interaction": {"interaction_id": str, "user1_id": str, "user2_id": str, "action": str},
    "deletion": {"target_type": str, "target_id": str},
}
# Payload fields that may be absent or null.
OPTIONAL: Mapping[str, Mapping[str, type]] = {
    "post": {"lang": str},
    "comment": {"lang": str},
    "user": {"user_age": int, "user_location": str},
    "interaction": {"post_id": str},
    "deletion": {},
}
# Real platforms give neither, so version 2 does without them.
REQUIRED_IN_VERSION_1: Mapping[str, Mapping[str, type]] = {"user": {"user_age": int, "user_location": str}}
TARGETS = frozenset({"post", "comment", "interaction", "user"})
# Fields that version 1 knows as extra ones only: there, what is unsound in them is no error, and not used.
SINCE_VERSION_2 = frozenset({"source", "lang"})
# The longest strings in characters; those of ids are bounded by MAX_ID and MAX_ID_BYTES.
LENGTHS: Mapping[str, int] = {
    "user_name": MAX_NAME,
    "user_location": MAX_NAME,
    "source": MAX_SOURCE,
    "lang": MAX_SOURCE,
}
ENVELOPE: Mapping[str, type] = {
    "event_id": str,
    "event_type": str,
    "schema_version": int,
    "event_time": str,
    "payload": dict,
}

# What an event holds that meets the contract at first sight: by event type, its strings and the longest that needs no
# second look, and those that may be absent.
_PLAIN: Mapping[str, tuple[tuple[str, int], ...]] = {
    event_type: tuple((name, MAX_TEXT if name == "text" else LENGTHS.get(name, SHORT_ID)) for name in fields)
    for event_type, fields in FIELDS.items()
}
_PLAIN_OPTIONAL: Mapping[str, tuple[tuple[str, int], ...]] = {
    event_type: tuple((name, LENGTHS.get(name, SHORT_ID)) for name, kind in fields.items() if kind is str)
    for event_type, fields in OPTIONAL.items()
}
_PLAIN_ENVELOPE = (("event_id", SHORT_ID),)
_PLAIN_SOURCE = (("source", MAX_SOURCE),)
_CHOICES: Mapping[str, tuple[str, frozenset[str]]] = {
    "interaction": ("action", ACTIONS),
    "deletion": ("target_type", TARGETS),
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    event_type: (*fields, *OPTIONAL[event_type]) for event_type, fields in FIELDS.items()
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
EVENT_TOO_OLD = "event_too_old"
TOO_MANY_EVENTS = "too_many_events"
BAD_CHARACTER = "bad_character"
ID_TOO_LONG = "id_too_long"
FIELD_TOO_LONG = "field_too_long"
UNKNOWN_TARGET_TYPE = "unknown_target_type"
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
    EVENT_TOO_OLD,
    TOO_MANY_EVENTS,
    BAD_CHARACTER,
    ID_TOO_LONG,
    FIELD_TOO_LONG,
    UNKNOWN_TARGET_TYPE,
)


class Accepted(NamedTuple):
    """An event that meets the contract. `raw` is its JSON text exactly as it came, unknown fields included.

    `source` is None where the event names none.
    """

    record_index: int
    event_id: str
    event_type: str
    schema_version: int
    event_time: datetime
    payload: Mapping[str, Any]
    raw: str
    source: str | None = None


class Rejected(NamedTuple):
    """An event, or a whole record, that breaks the contract; `detail` is for people.

    `raw` is the event's JSON text exactly as it came; None where the whole record is rejected.
    """

    record_index: int
    reason: str
    detail: str
    event_id: str | None = None
    raw: str | None = None


# Type, version, time, source and payload of an event.
Read = tuple[str, int, datetime, str | None, Mapping[str, Any]]


class _Refused(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def parse_record(data: bytes, arrival: datetime) -> list[Accepted | Rejected]:
    """Split one Kinesis record into its events: it is an event, a JSON array of events, or a KPL aggregate of these.

    `arrival` (aware) bounds how far in the future or in the past an event may lie. Never raises; empty only where all
    was erased. A record of more than MAX_EVENTS events is rejected as a whole.
    """
    events: list[Accepted | Rejected] = []
    index = 0
    for part in user_records(data):
        values = _values(part)
        if index + len(values) > MAX_EVENTS:
            return [Rejected(0, TOO_MANY_EVENTS, f"the record holds over {MAX_EVENTS:,} events; send several records")]
        for value, raw in values:
            if raw is not None:
                events.append(_check(index, value, raw, arrival))
            index += 1
    return events


def _values(data: bytes) -> Sequence[tuple[Any, str | _Refused | None]]:
    """Each JSON value that may be an event, with its text (None: erased); or why the record is unreadable.

    The texts of an array that holds too many events are left empty: finding them would cost more than the rejection.
    """
    try:
        text = data.decode("utf-8")
        value = orjson.loads(data)
    except UnicodeDecodeError as error:
        return [(None, _Refused(NOT_UTF8, f"byte {error.start} is not UTF-8"))]
    except orjson.JSONDecodeError as error:
        return [(None, _Refused(NOT_JSON, str(error)))]
    if not isinstance(value, list):
        return [(value, text)]
    if not value:
        return [(None, _Refused(WRONG_TYPE, "the array holds no event"))]
    texts = event_texts(text) if len(value) <= MAX_EVENTS else [""] * len(value)
    return [(element, None if element == ERASED else raw) for element, raw in zip(value, texts, strict=True)]


def event_texts(array: str) -> list[str]:
    """The JSON text of each element of a JSON array, exactly as it stands there: big numbers and doubled keys too."""
    return list(_elements(array))


def _elements(array: str) -> Iterator[str]:
    depth = start = 0
    for token in _STRUCTURE.finditer(array):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth == 1 and token[0] == "[" and not start:
            start = token.end()
        elif (depth == 1 and token[0] == ",") or depth == 0:
            yield array[start : token.start()].strip()
            start = token.end()


def _check(index: int, value: Any, raw: str | _Refused, arrival: datetime) -> Accepted | Rejected:
    if isinstance(raw, _Refused):
        return Rejected(index, raw.reason, raw.detail)
    try:
        return _accept(index, value, raw, arrival)
    except _Refused as refused:
        event_id = value.get("event_id") if isinstance(value, dict) else None
        known = event_id if isinstance(event_id, str) else None
        return Rejected(index, refused.reason, refused.detail, known, raw)


def _accept(index: int, event: Any, raw: str, arrival: datetime) -> Accepted:
    if not isinstance(event, dict):
        raise _Refused(WRONG_TYPE, f"an event must be an object, not {_json_type(event)}")
    event_type, version, event_time, source, payload = (_plain if _is_plain(event) else _checked)(event)
    if event_time > arrival + MAX_AHEAD:
        raise _Refused(FUTURE_EVENT_TIME, f"event_time {event_time.isoformat()} is more than 24 h after its arrival")
    if event_time < arrival - MAX_AGE:
        raise _Refused(
            EVENT_TOO_OLD, f"event_time {event_time.isoformat()} is over {MAX_AGE.days:,} days before its arrival"
        )
    return Accepted(index, event["event_id"], event_type, version, event_time, payload, raw, source)


def _is_plain(event: Mapping[str, Any]) -> bool:
    """Whether the event meets the contract at first sight, but for its time.

    Nearly all do, and this costs a third of `_checked`, which finds out what is wrong with the others, if anything is.
    """
    event_type, version, payload = event.get("event_type"), event.get("schema_version"), event.get("payload")
    if type(event_type) is not str or event_type not in _PLAIN or type(payload) is not dict:
        return False
    if type(version) is not int or not 0 < version <= MAX_INT32 or type(event.get("event_time")) is not str:
        return False
    if not _are_plain(event, _PLAIN_ENVELOPE) or not _are_plain(payload, _PLAIN[event_type]):
        return False
    if not _may_be_absent(event, _PLAIN_SOURCE) or not _may_be_absent(payload, _PLAIN_OPTIONAL[event_type]):
        return False
    if event_type == "user":
        age = payload.get("user_age")
        return type(age) is int and 0 <= age <= MAX_INT32 and payload.get("user_location") is not None
    if event_type in _CHOICES:
        name, choices = _CHOICES[event_type]
        return payload[name] in choices
    return not payload["text"].isspace()


def _plain(event: Mapping[str, Any]) -> Read:
    payload, event_type = event["payload"], event["event_type"]
    known = {name: payload.get(name) for name in _NAMES[event_type]}
    return event_type, event["schema_version"], _event_time(event["event_time"]), event.get("source"), known


def _are_plain(holder: Mapping[str, Any], strings: tuple[tuple[str, int], ...]) -> bool:
    for name, longest in strings:
        value = holder.get(name)
        if type(value) is not str or not 0 < len(value) <= longest or "\0" in value:
            return False
    return True


def _may_be_absent(holder: Mapping[str, Any], strings: tuple[tuple[str, int], ...]) -> bool:
    for name, longest in strings:
        value = holder.get(name)
        if value is not None and (type(value) is not str or not 0 < len(value) <= longest or "\0" in value):
            return False
    return True


def _checked(event: Mapping[str, Any]) -> Read:
    """The same of any event, each field checked in turn; raises _Refused."""
    _check_fields(event, ENVELOPE, "")
    event_type, version = event["event_type"], event["schema_version"]
    if event_type not in FIELDS:
        raise _Refused(UNKNOWN_EVENT_TYPE, f"event_type '{event_type[:80]}' is not one of {', '.join(FIELDS)}")
    if version < 1:
        raise _Refused(WRONG_TYPE, "schema_version must be at least 1")
    event_time = _event_time(event["event_time"])
    source = _optional(event, "source", str, version, "")
    payload, required = event["payload"], FIELDS[event_type]
    _check_fields(payload, required, "payload.")
    if version == 1:
        _check_fields(payload, REQUIRED_IN_VERSION_1.get(event_type, {}), "payload.")
    _check_content(event_type, payload)
    optional = {
        name: _optional(payload, name, kind, version, "payload.") for name, kind in OPTIONAL[event_type].items()
    }
    return event_type, version, event_time, source, {**{name: payload[name] for name in required}, **optional}


def _check_fields(holder: Mapping[str, Any], fields: Mapping[str, type], prefix: str) -> None:
    for name, expected in fields.items():
        value = holder.get(name)
        if value is None:
            raise _Refused(MISSING_FIELD, f"{prefix}{name} is missing")
        _check_value(name, value, expected, prefix)


def _optional(holder: Mapping[str, Any], name: str, expected: type, version: int, prefix: str) -> Any:
    """The value of a field that may be absent or null; None too for what version 1 does not know and is unsound."""
    value = holder.get(name)
    if value is None:
        return None
    try:
        _check_value(name, value, expected, prefix)
    except _Refused:
        if version == 1 and name in SINCE_VERSION_2:
            return None
        raise
    return value


def _check_value(name: str, value: Any, expected: type, prefix: str) -> None:
    if type(value) is not expected or (expected is int and value not in INT32):
        raise _Refused(WRONG_TYPE, f"{prefix}{name} is {_json_type(value)}, expected {expected.__name__}")
    if expected is str:
        _check_string(name, str(value), prefix)


def _check_string(name: str, value: str, prefix: str) -> None:
    is_id, longest = name.endswith("_id"), LENGTHS.get(name)
    if is_id and not value:
        raise _Refused(MISSING_FIELD, f"{prefix}{name} is empty")
    if (is_id or longest) and "\0" in value:
        raise _Refused(BAD_CHARACTER, f"{prefix}{name} holds the character NUL, which no warehouse can store")
    if is_id and (len(value) > MAX_ID or len(value.encode()) > MAX_ID_BYTES):
        found = f"{len(value)} characters in {len(value.encode())} bytes"
        raise _Refused(ID_TOO_LONG, f"{prefix}{name} has {found}, at most {MAX_ID} in {MAX_ID_BYTES} are allowed")
    if longest and len(value) > longest:
        raise _Refused(FIELD_TOO_LONG, f"{prefix}{name} has {len(value)} characters, at most {longest} are allowed")


def _check_content(event_type: str, payload: Mapping[str, Any]) -> None:
    if event_type == "interaction" and payload["action"] not in ACTIONS:
        raise _Refused(UNKNOWN_ACTION, f"action '{payload['action'][:80]}' is not one of {', '.join(sorted(ACTIONS))}")
    if event_type == "deletion" and payload["target_type"] not in TARGETS:
        found = payload["target_type"][:80]
        raise _Refused(UNKNOWN_TARGET_TYPE, f"target_type '{found}' is not one of {', '.join(sorted(TARGETS))}")
    text = payload["text"] if event_type in ("post", "comment") else None
    if text is not None and not text.strip():
        raise _Refused(EMPTY_TEXT, "text is empty")
    if text is not None and len(text) > MAX_TEXT:
        raise _Refused(TEXT_TOO_LONG, f"text has {len(text)} characters, at most {MAX_TEXT} are allowed")


def _event_time(text: str) -> datetime:
    try:
        # RFC 3339 allows both cases; Python reads any letter between date and time, but only a capital Z.
        time = datetime.fromisoformat(f"{text[:-1]}Z" if text.endswith("z") else text)
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
