"""Whether one event meets the contract, and why it does not.

Types are checked strictly, which Spark's own JSON reader cannot do (it turns any value into a string).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from streaming.events.contract import (
    ACTIONS,
    BAD_CHARACTER,
    BAD_EVENT_TIME,
    EMPTY_TEXT,
    ENVELOPE,
    EPOCH,
    FIELD_TOO_LONG,
    FIELDS,
    ID_TOO_LONG,
    INT32,
    LENGTHS,
    MAX_ID,
    MAX_ID_BYTES,
    MAX_INT32,
    MAX_SOURCE,
    MAX_TEXT,
    MISSING_FIELD,
    OPTIONAL,
    REQUIRED_IN_VERSION_1,
    SINCE_VERSION_2,
    TARGETS,
    TEXT_TOO_LONG,
    UNKNOWN_ACTION,
    UNKNOWN_EVENT_TYPE,
    UNKNOWN_TARGET_TYPE,
    WRONG_TYPE,
)

# Even of the widest characters, so many are at most MAX_ID_BYTES.
SHORT_ID = MAX_ID_BYTES // 4

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

# Type, version, time, source and payload of an event.
Read = tuple[str, int, datetime, str | None, Mapping[str, Any]]


class Refused(Exception):
    """Why an event breaks the contract: one of `contract.REASONS`, and a detail for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read(event: Any) -> Read:
    """What is read of an event that meets the contract; raises Refused.

    Not checked is how far its time lies from its arrival.
    """
    if not isinstance(event, dict):
        raise Refused(WRONG_TYPE, f"an event must be an object, not {_json_type(event)}")
    return (_plain if _is_plain(event) else _checked)(event)


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
    """The same of any event, each field checked in turn; raises Refused."""
    _check_fields(event, ENVELOPE, "")
    event_type, version = event["event_type"], event["schema_version"]
    if event_type not in FIELDS:
        raise Refused(UNKNOWN_EVENT_TYPE, f"event_type '{event_type[:80]}' is not one of {', '.join(FIELDS)}")
    if version < 1:
        raise Refused(WRONG_TYPE, "schema_version must be at least 1")
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
            raise Refused(MISSING_FIELD, f"{prefix}{name} is missing")
        _check_value(name, value, expected, prefix)


def _optional(holder: Mapping[str, Any], name: str, expected: type, version: int, prefix: str) -> Any:
    """The value of a field that may be absent or null; None too for what version 1 does not know and is unsound."""
    value = holder.get(name)
    if value is None:
        return None
    try:
        _check_value(name, value, expected, prefix)
    except Refused:
        if version == 1 and name in SINCE_VERSION_2:
            return None
        raise
    return value


def _check_value(name: str, value: Any, expected: type, prefix: str) -> None:
    if type(value) is not expected or (expected is int and value not in INT32):
        raise Refused(WRONG_TYPE, f"{prefix}{name} is {_json_type(value)}, expected {expected.__name__}")
    if expected is str:
        _check_string(name, str(value), prefix)


def _check_string(name: str, value: str, prefix: str) -> None:
    is_id, longest = name.endswith("_id"), LENGTHS.get(name)
    if is_id and not value:
        raise Refused(MISSING_FIELD, f"{prefix}{name} is empty")
    if (is_id or longest) and "\0" in value:
        raise Refused(BAD_CHARACTER, f"{prefix}{name} holds the character NUL, which no warehouse can store")
    if is_id and (len(value) > MAX_ID or len(value.encode()) > MAX_ID_BYTES):
        found = f"{len(value)} characters in {len(value.encode())} bytes"
        raise Refused(ID_TOO_LONG, f"{prefix}{name} has {found}, at most {MAX_ID} in {MAX_ID_BYTES} are allowed")
    if longest and len(value) > longest:
        raise Refused(FIELD_TOO_LONG, f"{prefix}{name} has {len(value)} characters, at most {longest} are allowed")


def _check_content(event_type: str, payload: Mapping[str, Any]) -> None:
    if event_type == "interaction" and payload["action"] not in ACTIONS:
        raise Refused(UNKNOWN_ACTION, f"action '{payload['action'][:80]}' is not one of {', '.join(sorted(ACTIONS))}")
    if event_type == "deletion" and payload["target_type"] not in TARGETS:
        found = payload["target_type"][:80]
        raise Refused(UNKNOWN_TARGET_TYPE, f"target_type '{found}' is not one of {', '.join(sorted(TARGETS))}")
    text = payload["text"] if event_type in ("post", "comment") else None
    if text is not None and not text.strip():
        raise Refused(EMPTY_TEXT, "text is empty")
    if text is not None and len(text) > MAX_TEXT:
        raise Refused(TEXT_TOO_LONG, f"text has {len(text)} characters, at most {MAX_TEXT} are allowed")


def _event_time(text: str) -> datetime:
    try:
        # RFC 3339 allows both cases; Python reads any letter between date and time, but only a capital Z.
        time = datetime.fromisoformat(f"{text[:-1]}Z" if text.endswith("z") else text)
        if time.tzinfo is None:
            raise Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' has no UTC offset")
        time = time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' is not an ISO 8601 time") from error
    if time < EPOCH:
        raise Refused(BAD_EVENT_TIME, f"event_time '{text[:80]}' is before 1970")
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
