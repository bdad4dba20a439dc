"""A record of the stream becomes its events, each accepted or rejected.

Pure Python on bytes, so that it can be tested without Spark. `parse_record` never raises: whatever bytes arrive, it
returns each event in them once, as Accepted or as Rejected with a reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from streaming.events.checks import Refused, read
from streaming.events.contract import (
    ERASED,
    EVENT_TOO_OLD,
    FUTURE_EVENT_TIME,
    MAX_AGE,
    MAX_AHEAD,
    MAX_EVENTS,
    NOT_JSON,
    NOT_UTF8,
    TOO_MANY_EVENTS,
    WRONG_TYPE,
)
from streaming.events.kpl import user_records

# A string, or a character that opens, separates or closes arrays and objects.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


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


def _values(data: bytes) -> Sequence[tuple[Any, str | Refused | None]]:
    """Each JSON value that may be an event, with its text (None: erased); or why the record is unreadable.

    The texts of an array that holds too many events are left empty: finding them would cost more than the rejection.
    """
    try:
        text = data.decode("utf-8")
        value = orjson.loads(data)
    except UnicodeDecodeError as error:
        return [(None, Refused(NOT_UTF8, f"byte {error.start} is not UTF-8"))]
    except orjson.JSONDecodeError as error:
        return [(None, Refused(NOT_JSON, str(error)))]
    if not isinstance(value, list):
        return [(value, text)]
    if not value:
        return [(None, Refused(WRONG_TYPE, "the array holds no event"))]
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


def _check(index: int, value: Any, raw: str | Refused, arrival: datetime) -> Accepted | Rejected:
    if isinstance(raw, Refused):
        return Rejected(index, raw.reason, raw.detail)
    try:
        return _accept(index, value, raw, arrival)
    except Refused as refused:
        event_id = value.get("event_id") if isinstance(value, dict) else None
        known = event_id if isinstance(event_id, str) else None
        return Rejected(index, refused.reason, refused.detail, known, raw)


def _accept(index: int, event: Any, raw: str, arrival: datetime) -> Accepted:
    event_type, version, event_time, source, payload = read(event)
    if event_time > arrival + MAX_AHEAD:
        raise Refused(FUTURE_EVENT_TIME, f"event_time {event_time.isoformat()} is more than 24 h after its arrival")
    if event_time < arrival - MAX_AGE:
        raise Refused(
            EVENT_TOO_OLD, f"event_time {event_time.isoformat()} is over {MAX_AGE.days:,} days before its arrival"
        )
    return Accepted(index, event["event_id"], event_type, version, event_time, payload, raw, source)
