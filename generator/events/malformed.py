"""Makes records that must be rejected, each for a known reason.

Every spoiler takes a valid event (as a parsed JSON object with an event_id of its own)
and returns bytes that contain no line feed, so that they also fit a file of one record a line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from generator.events.encoder import timestamp
from generator.events.records import FUTURE_TOLERANCE, KINDS, MAX_EVENTS, MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

Fields = dict[str, Any]
IDS = {"post": "post_id", "comment": "comment_id", "user": "user_id", "interaction": "interaction_id"}


@dataclass(frozen=True)
class Spoiled:
    """A record's bytes, why it must be rejected, and what can still be read of it."""

    data: bytes
    reason: str
    event_id: str | None
    entity: str | None


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _unreadable(data: bytes, reason: str) -> Spoiled:
    return Spoiled(data, reason, None, None)


def _readable(event: Fields, reason: str) -> Spoiled:
    """Keep the event id and the entity as far as a reader can see them."""
    event_id, kind = event.get("event_id"), event.get("event_type")
    return Spoiled(
        _dump(event),
        reason,
        event_id if isinstance(event_id, str) else None,
        kind if isinstance(kind, str) and kind in KINDS else None,
    )


def _not_utf8(event: Fields, rng: Random) -> Spoiled:
    data = _dump(event)
    cut = rng.randrange(1, len(data))
    broken = rng.choice([b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98"])
    return _unreadable(data[:cut] + broken + data[cut:], "not_utf8")


def _not_json(event: Fields, rng: Random) -> Spoiled:
    data = _dump(event)
    return _unreadable(
        rng.choice(
            [
                data[: rng.randrange(1, len(data) - 1)],
                data.replace(b'"schema_version":1', b'"schema_version":NaN'),
                data.replace(b'"payload":', b'"payload"='),
                b"\xef\xbb\xbf" + data,
                data[:-1] + b',"x":"\\ud83d"}',
                data + data,
                b"<event>" + data + b"</event>",
            ]
        ),
        "not_json",
    )


def _missing_field(event: Fields, rng: Random) -> Spoiled:
    payload, key = event["payload"], IDS[event["event_type"]]
    case = rng.randrange(5)
    if case == 0:
        del event[rng.choice(["event_id", "event_type", "schema_version", "event_time", "payload"])]
    elif case == 1:
        event["event_id"] = ""
    elif case == 2:
        payload[key] = None
    elif case == 3:
        payload[key] = ""
    else:
        required = [name for name in payload if event["event_type"] != "interaction" or name != "post_id"]
        del payload[rng.choice(required)]
    return _readable(event, "missing_field")


def _wrong_type(event: Fields, rng: Random) -> Spoiled:
    payload, key = event["payload"], IDS[event["event_type"]]
    case = rng.randrange(6)
    if case == 0:
        return _unreadable(rng.choice([b"null", b"5", b'"text"', b"true", b"[]", b"[[]]"]), "wrong_type")
    if case == 1:
        payload[key] = rng.choice([7, 1.5, True, ["x"], {"id": "x"}])
    elif case == 2:
        event["payload"] = rng.choice(["{}", [], 3])
    elif case == 3:
        event["schema_version"] = rng.choice(["1", 1.5, 0, -1, True])
    elif case == 4:
        event["event_time"] = 1_764_000_000
    elif event["event_type"] == "user":
        payload["user_age"] = rng.choice(["33", 33.0, True])
    else:
        event["event_id"] = 12345
    return _readable(event, "wrong_type")


def _unknown_event_type(event: Fields, rng: Random) -> Spoiled:
    event["event_type"] = rng.choice(["story", "Post", "reaction", "poll", "posts"])
    return _readable(event, "unknown_event_type")


def _unknown_action(event: Fields, rng: Random) -> Spoiled:
    event["event_type"] = "interaction"
    action = rng.choice(["dislike", "LIKE", "follow", "", "shares"])
    event["payload"] = {"interaction_id": f"i-{event['event_id'][:23]}", "user1_id": "u000000",
                        "user2_id": "u000001", "action": action}  # fmt: skip
    return _readable(event, "unknown_action")


def _text(event: Fields, text: str, reason: str) -> Spoiled:
    event["event_type"] = "post"
    event["payload"] = {"post_id": f"p-{event['event_id'][:23]}", "user_id": "u000000", "text": text}
    return _readable(event, reason)


def _empty_text(event: Fields, rng: Random) -> Spoiled:
    return _text(event, rng.choice(["", "   ", "\n\t ", "\u2003", "\u00a0"]), "empty_text")


def _text_too_long(event: Fields, rng: Random) -> Spoiled:
    length = MAX_TEXT + rng.choice((1, 2, 1_000, 90_000))
    return _text(event, (rng.choice(["x", "so long 😡 ", "é"]) * length)[:length], "text_too_long")


def _bad_event_time(event: Fields, rng: Random) -> Spoiled:
    event["event_time"] = rng.choice(
        ["yesterday", "", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z",
         "2026-01-01T00:00:00", "1764000000", "23/11/2026 15:30"]
    )  # fmt: skip
    return _readable(event, "bad_event_time")


def _future_event_time(event: Fields, rng: Random) -> Spoiled:
    now = datetime.fromisoformat(event["event_time"]).timestamp()
    event["event_time"] = timestamp(now + FUTURE_TOLERANCE + 3600 * (1 + 1000 * rng.random()))
    return _readable(event, "future_event_time")


def _event_too_old(event: Fields, rng: Random) -> Spoiled:
    event["event_time"] = rng.choice(["1970-01-01T00:00:00Z", "1984-05-06T07:08:09Z", "1989-11-09T22:30:00+01:00"])
    return _readable(event, "event_too_old")


def _too_many_events(event: Fields, rng: Random) -> Spoiled:  # noqa: ARG001 - every spoiler takes one
    count = MAX_EVENTS + rng.randint(1, 500)
    return _unreadable(b"[" + b",".join([rng.choice([b"1", b"null", b"{}"])] * count) + b"]", "too_many_events")


def _bad_character(event: Fields, rng: Random) -> Spoiled:
    payload, key = event["payload"], IDS[event["event_type"]]
    if event["event_type"] == "user" and rng.random() < 0.5:
        payload["user_location"] = "Par\0is"
    else:
        payload[key] = f"{payload[key]}\0"
    return _readable(event, "bad_character")


def _id_too_long(event: Fields, rng: Random) -> Spoiled:
    letters = rng.choice(("x", "é", "😡"))
    event["payload"][IDS[event["event_type"]]] = letters * rng.choice((257, 600, 2_750))
    return _readable(event, "id_too_long")


def _field_too_long(event: Fields, rng: Random) -> Spoiled:
    event["schema_version"] = 2
    event["source"] = "x" * rng.choice((65, 3_000))
    return _readable(event, "field_too_long")


def _unknown_target_type(event: Fields, rng: Random) -> Spoiled:
    event["event_type"] = "deletion"
    event["payload"] = {"target_type": rng.choice(["story", "Post", "posts", ""]), "target_id": "p-0"}
    return _readable(event, "unknown_target_type")


SPOILERS: dict[str, Callable[[Fields, Random], Spoiled]] = {
    "not_utf8": _not_utf8,
    "not_json": _not_json,
    "missing_field": _missing_field,
    "wrong_type": _wrong_type,
    "unknown_event_type": _unknown_event_type,
    "bad_event_time": _bad_event_time,
    "unknown_action": _unknown_action,
    "empty_text": _empty_text,
    "text_too_long": _text_too_long,
    "future_event_time": _future_event_time,
    "event_too_old": _event_too_old,
    "too_many_events": _too_many_events,
    "bad_character": _bad_character,
    "id_too_long": _id_too_long,
    "field_too_long": _field_too_long,
    "unknown_target_type": _unknown_target_type,
}


def spoil(event_json: str, event_id: str, rng: Random) -> Spoiled:
    """Turn a valid event into a record that must be rejected; `event_id` replaces the event's id."""
    event: Fields = json.loads(event_json)
    event["event_id"] = event_id
    return SPOILERS[rng.choice(tuple(SPOILERS))](event, rng)
