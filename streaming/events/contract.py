"""The event contract: what an event on the stream may hold, and the reasons for which one is rejected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

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
