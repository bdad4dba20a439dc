"""Builders of events and frames: a valid one by default, changed where a test says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

PAYLOADS: dict[str, dict[str, Any]] = {
    "post": {"post_id": "p1", "user_id": "u1", "text": "what a good day"},
    "comment": {"comment_id": "c1", "post_id": "p1", "user_id": "u2", "text": "not for me"},
    "user": {"user_id": "u1", "user_name": "Ada", "user_age": 36, "user_location": "London"},
    "interaction": {"interaction_id": "i1", "user1_id": "u2", "user2_id": "u1", "action": "like"},
    "deletion": {"target_type": "post", "target_id": "p1"},
}


def an_event(event_type: str = "post", payload: dict[str, Any] | None = None, **overrides: Any) -> dict[str, Any]:
    """A valid event; `payload` changes fields of the payload, `overrides` those of the envelope."""
    event: dict[str, Any] = {
        "event_id": "e1",
        "event_type": event_type,
        "schema_version": 1,
        "event_time": NOON.isoformat(),
        "payload": PAYLOADS.get(event_type, {}) | (payload or {}),
    }
    return event | overrides


def a_record(*args: Any, **overrides: Any) -> bytes:
    """The bytes of `an_event`."""
    return json.dumps(an_event(*args, **overrides)).encode()


def a_bronze_row(data: bytes, number: int = 0, time: datetime = NOON) -> dict[str, Any]:
    """A row of bronze/events that holds these bytes."""
    return {
        "data": bytearray(data),
        "stream": "events",
        "partition_key": "u1",
        "sequence_number": f"{number:030d}",
        "arrival_time": time,
        "ingested_at": time,
        "year": time.year,
        "month": time.month,
        "day": time.day,
    }
