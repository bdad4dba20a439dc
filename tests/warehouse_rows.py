"""Builders of loads: each row is literal, whatever a test does not name has a harmless value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pyarrow as pa

from streaming.warehouse.base import Load

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_TIME = pa.timestamp("us", tz="UTC")
_SCORED = (("sentiment", pa.string()), ("polarity", pa.float64()), ("confidence", pa.float64()))
_TOLD = ("model_version", "language", "unscored_reason")
_COMMON = (("event_id", pa.string()), ("event_time", _TIME), ("arrival_time", _TIME))
SCHEMAS: Mapping[str, pa.Schema] = {
    "fact_post": pa.schema([*_COMMON, *((n, pa.string()) for n in ("post_id", "user_id", "text", *_TOLD)), *_SCORED]),
    "fact_comment": pa.schema(
        [*_COMMON, *((n, pa.string()) for n in ("comment_id", "post_id", "user_id", "text", *_TOLD)), *_SCORED]
    ),
    "fact_interaction": pa.schema(
        [*_COMMON, *((n, pa.string()) for n in ("interaction_id", "user1_id", "user2_id", "action", "post_id"))]
    ),
    "dim_user": pa.schema(
        [
            *_COMMON,
            *((n, pa.string()) for n in ("user_id", "user_name", "user_location", "sequence_number")),
            ("user_age", pa.int32()),
            ("record_index", pa.int32()),
        ]
    ),
}
_SCORES = {"sentiment": "neutral", "polarity": 0.0, "confidence": 0.5, "model_version": "1", "language": "en"}
_numbers = count(1)


def minutes(number: float) -> datetime:
    """A time that many minutes after NOON."""
    return NOON + timedelta(minutes=number)


def a_post(**fields: Any) -> dict[str, Any]:
    """A row of silver/posts."""
    number = next(_numbers)
    row = {"event_id": f"e{number}", "event_time": NOON, "post_id": f"p{number}", "user_id": "ann", "text": "Fine."}
    return row | _SCORES | fields


def a_comment(**fields: Any) -> dict[str, Any]:
    """A row of silver/comments."""
    return a_post(comment_id=f"c{next(_numbers)}", post_id="p") | fields


def an_interaction(**fields: Any) -> dict[str, Any]:
    """A row of silver/interactions."""
    number = next(_numbers)
    row = {"event_id": f"e{number}", "event_time": NOON, "interaction_id": f"i{number}", "action": "like"}
    return row | {"user1_id": "ann", "user2_id": "bob", "post_id": None} | fields


def a_profile(**fields: Any) -> dict[str, Any]:
    """A row of silver/user_changes."""
    number = next(_numbers)
    row = {"event_id": f"e{number}", "event_time": NOON, "user_id": "ann", "user_name": "Ann", "user_age": 30}
    return row | {"user_location": "Oslo", "sequence_number": str(number), "record_index": 0} | fields


def table(target: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of a target; they arrived when they happened, unless they say otherwise."""
    return pa.Table.from_pylist([{"arrival_time": row["event_time"]} | row for row in rows], SCHEMAS[target])


def a_load(
    posts: list[dict[str, Any]] | None = None,
    comments: list[dict[str, Any]] | None = None,
    interactions: list[dict[str, Any]] | None = None,
    profiles: list[dict[str, Any]] | None = None,
    query: str = "load",
    batch: int = 0,
) -> Load:
    """A load of the load hop."""
    tables = {
        "fact_post": table("fact_post", posts or []),
        "fact_comment": table("fact_comment", comments or []),
        "fact_interaction": table("fact_interaction", interactions or []),
        "dim_user": table("dim_user", profiles or []),
    }
    return Load(query, batch, tables, NOON)
