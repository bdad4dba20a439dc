"""Translates records of the system that Moodstream replaces into events, for replay.

Its records are JSON objects with the fields `id, post, comment, interactions, users, timestamp`:
one record holds a post, its comments, its interactions and its users. Every translation is
deterministic, so that replaying a file twice sends the same event ids.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from generator.events.encoder import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

FIELDS = ("id", "post", "comment", "interactions", "users", "timestamp")
_NAMESPACE = uuid.UUID("5d7e0f3c-6a0b-4f5e-9a53-0d6c1f1f7a11")


def translate(data: bytes) -> list[bytes]:
    """Return the record's events as JSON, or the record itself if it is not one of that system.

    A text or a list of texts is taken as `comment`; a name, a list of names or of objects with
    `name, age, location` as `users` (the first one wrote the post, the next ones answered); an action,
    a list of actions or an object of counts by action as `interactions`; ISO 8601 or epoch seconds as
    `timestamp`. Any other record is returned unchanged, and the job rejects it with a reason.
    """
    try:
        record = json.loads(data)
        if not isinstance(record, dict) or "id" not in record or "event_type" in record:
            return [data]
        return [json.dumps(e, ensure_ascii=False).encode() for e in _events(record)] or [data]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return [data]


def _events(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    number = str(record["id"])
    at = _time(record["timestamp"])
    people = list(_people(record.get("users")))
    names = [name for name, _ in people] or [f"seed-{number}"]
    post_id = f"seed-{number}"

    def event(kind: str, place: str, payload: dict[str, Any]) -> dict[str, Any]:
        event_id = str(uuid.uuid5(_NAMESPACE, f"{number}/{place}"))
        return {"event_id": event_id, "event_type": kind, "schema_version": 1, "event_time": at, "payload": payload}

    for name, profile in people:
        if profile:
            yield event("user", f"user/{name}", {"user_id": name, "user_name": name, **profile})
    yield event("post", "post", {"post_id": post_id, "user_id": names[0], "text": record["post"]})
    for place, text in enumerate(_texts(record.get("comment"))):
        user = names[(1 + place) % len(names)]
        payload = {"comment_id": f"{post_id}-{place}", "post_id": post_id, "user_id": user, "text": text}
        yield event("comment", f"comment/{place}", payload)
    for place, action in enumerate(_actions(record.get("interactions"))):
        payload = {"interaction_id": f"{post_id}-i{place}", "user1_id": names[(1 + place) % len(names)],
                   "user2_id": names[0], "action": action, "post_id": post_id}  # fmt: skip
        yield event("interaction", f"interaction/{place}", payload)


def _time(value: Any) -> str:
    if isinstance(value, int | float):
        return timestamp(value)
    at = datetime.fromisoformat(value)
    return timestamp((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _people(users: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for user in users if isinstance(users, list) else [users] if users is not None else []:
        if isinstance(user, dict):
            known = {"user_age": user.get("age"), "user_location": user.get("location")}
            name = str(user.get("id", user.get("name")))
            yield name, known if None not in known.values() else {}
        else:
            yield str(user), {}


def _texts(comment: Any) -> list[Any]:
    if comment in (None, ""):
        return []
    return comment if isinstance(comment, list) else [comment]


def _actions(interactions: Any) -> list[str]:
    if isinstance(interactions, dict):
        return [_singular(name) for name, count in interactions.items() for _ in range(int(count))]
    listed = interactions if isinstance(interactions, list) else [interactions]
    return [_singular(str(action)) for action in listed if action not in (None, "")]


def _singular(action: str) -> str:
    """Return the contract's name of an action: `Likes` becomes `like`."""
    return action.lower().removesuffix("s")
