"""silver/interactions: who liked, commented on or shared whose post; `post_id` is null where it was not given.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from streaming.tables.columns import EVENT_FIELDS, PARTITIONS, partition_columns, schema, strings

NAME = "silver/interactions"
ENTITY = "interaction"
SCHEMA = schema(*strings("interaction_id", "user1_id", "user2_id", "action", "post_id"), *EVENT_FIELDS)


def silver_interactions(events: DataFrame) -> DataFrame:
    """Interactions among the parsed events."""
    return (
        events.where(F.col("entity") == ENTITY)
        .withColumns(dict(zip(PARTITIONS, partition_columns("event_time"), strict=True)))
        .select(*SCHEMA.names)
    )
