"""The types that the generator's parts pass on: the platform makes an Event, the simulation a Record."""

from __future__ import annotations

from typing import NamedTuple

KINDS = ("post", "comment", "user", "interaction", "deletion")
MOODS = ("negative", "neutral", "positive")

# In the order in which they are checked; the same codes as in `silver/rejected`.
REASONS = (
    "not_utf8",
    "not_json",
    "missing_field",
    "wrong_type",
    "unknown_event_type",
    "bad_event_time",
    "unknown_action",
    "empty_text",
    "text_too_long",
    "future_event_time",
    "event_too_old",
    "too_many_events",
    "bad_character",
    "id_too_long",
    "field_too_long",
    "unknown_target_type",
)

MAX_TEXT = 10_000  # code points
FUTURE_TOLERANCE = 24 * 3600.0  # seconds
PAST_TOLERANCE = 30 * 365 * 24 * 3600.0  # seconds
MAX_EVENTS = 10_000  # in one record, aggregated or not
MAX_RECORD = 1_048_576  # bytes of data and partition key together that a stream takes unless it is told to take more
LARGEST_RECORD = 10 * MAX_RECORD  # what a stream can be told to take, since October 2025 (its MaxRecordSizeInKiB)
LONGEST_LINE = 16 * MAX_RECORD  # bytes of a file's line that are kept; a longer one is cut there and not sent


class Event(NamedTuple):
    """One thing that happened on the platform, before it is written down as bytes."""

    kind: str
    event_id: str
    actor: str
    at: float  # epoch seconds
    payload: str  # JSON object
    mood: str | None = None  # the sentiment that the author expresses; None unless a post or comment
    topic: str | None = None
    episode: str | None = None


class Expected(NamedTuple):
    """What must become of one event of a record; the ledger keeps it for the audit."""

    event_id: str | None  # null where it cannot be read
    entity: str | None  # null where the event type cannot be read or is unknown
    outcome: str  # "silver" or "rejected"
    reason: str | None = None  # one of REASONS, for rejected ones
    duplicate: bool = False  # the same event_id was sent before (a hint: recent history only for --input)
    dirt: str | None = None  # the name of the dirt that was added on purpose
    mood: str | None = None
    topic: str | None = None
    episode: str | None = None


class Record(NamedTuple):
    """One record as it is put: its bytes, its partition key and what must become of it."""

    data: bytes
    key: str
    expected: tuple[Expected, ...]
