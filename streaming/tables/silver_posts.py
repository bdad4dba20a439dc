"""silver/posts: what people wrote, scored.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from streaming.tables.columns import (
    EVENT_FIELDS,
    PARTITIONS,
    SENTIMENT_FIELDS,
    partition_columns,
    schema,
    strings,
)

NAME = "silver/posts"
ENTITY = "post"
SCHEMA = schema(*strings("post_id", "user_id", "text"), *EVENT_FIELDS, *SENTIMENT_FIELDS)


def silver_posts(scored: DataFrame) -> DataFrame:
    """Posts among the scored events."""
    return (
        scored.where(F.col("entity") == ENTITY)
        .withColumns(dict(zip(PARTITIONS, partition_columns("event_time"), strict=True)))
        .select(*SCHEMA.names)
    )
