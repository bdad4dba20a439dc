"""silver/rejected: every rejected event, with the reason and the whole record.

Key: (`stream`, `sequence_number`, `record_index`). Partitioned by the day of arrival, since an event time may be
unreadable.
"""

from __future__ import annotations

from streaming.tables.columns import (
    BINARY_DATA,
    EVENT_FIELDS,
    schema,
    strings,
)
from streaming.tables.parsed_events import REJECTED

NAME = "silver/rejected"
ENTITY = REJECTED
SCHEMA = schema(*strings("reason", "detail"), BINARY_DATA, *strings("stream", "partition_key"), *EVENT_FIELDS)
