"""silver/rejected: every rejected event, with the reason and its bytes.

Key: (`stream`, `sequence_number`, `record_index`, `record_digest`). `data` holds the event exactly as it came, or the
whole record where the record could not be taken apart. `record_digest` identifies the record: the parts of a KPL
aggregate that a connector took apart share their sequence number. Rows of releases before 0.2 have none, and hold the
whole record in any case. Partitioned by the day of arrival, since an event time may be unreadable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streaming.events.records import split_events
from streaming.tables.columns import BINARY_DATA, EVENT_FIELDS, schema, strings
from streaming.tables.parsed_events import REJECTED

NAME = "silver/rejected"
ENTITY = REJECTED
SCHEMA = schema(
    *strings("reason", "detail"),
    BINARY_DATA,
    *strings("stream", "partition_key"),
    *EVENT_FIELDS,
    *strings("record_digest"),
)


def holds_whole_record(row: Mapping[str, Any]) -> bool:
    """Whether `data` is the record around the event, as releases before 0.2 wrote it for each event of an array."""
    return row["record_digest"] is None


def event_bytes(row: Mapping[str, Any]) -> bytes:
    """The bytes of the rejected event alone; `row` needs `data`, `record_index` and `record_digest`."""
    data: bytes = row["data"] or b""
    if not holds_whole_record(row):
        return data
    parts = split_events(data)
    return parts[row["record_index"]] if row["record_index"] < len(parts) else b""
