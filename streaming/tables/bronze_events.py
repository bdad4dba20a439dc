"""bronze/events: every record of the stream as it arrived; append only, replayable.

Key: (`stream`, `sequence_number`). Partitioned by the day of arrival. `ingested_at` is the time of the micro-batch. It
only ever grows with the table, whatever shard lags behind, and so is what duplicates are bounded by.
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
