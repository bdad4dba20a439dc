"""silver/rejected: every event that broke the contract, with the reason and the whole record.

Key: (`stream`, `sequence_number`, `record_index`). Partitioned by the day of arrival, since an event time may be
unreadable.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from streaming.tables.columns import (
    BINARY_DATA,
    EVENT_FIELDS,
    PARTITIONS,
    partition_columns,
    schema,
    strings,
)
from streaming.tables.parsed_events import REJECTED

NAME = "silver/rejected"
SCHEMA = schema(*strings("reason", "detail"), BINARY_DATA, *strings("stream", "partition_key"), *EVENT_FIELDS)


def silver_rejected(events: DataFrame) -> DataFrame:
    """Rejected events among the parsed events."""
    return (
        events.where(F.col("entity") == REJECTED)
        .withColumns(dict(zip(PARTITIONS, partition_columns("arrival_time"), strict=True)))
        .select(*SCHEMA.names)
    )
