"""bronze/events: every record of the stream as it arrived; append only, replayable.

Key: (`stream`, `sequence_number`). Partitioned by the day of arrival. `ingested_at` is the time of the micro-batch. It
never falls from one micro-batch to the next, even if a shard lags behind, so de-duplication uses it as its watermark.
"""

from __future__ import annotations

from streaming.tables.columns import (
    BINARY_DATA,
    schema,
    strings,
    timestamps,
)

NAME = "bronze/events"
# Its UTC day is the partition.
TIME = "arrival_time"
SCHEMA = schema(
    BINARY_DATA,
    *strings("stream", "partition_key", "sequence_number"),
    *timestamps("arrival_time", "ingested_at"),
)
