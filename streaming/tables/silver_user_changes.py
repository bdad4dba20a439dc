"""silver/user_changes: every accepted profile change; silver/users holds the latest of each user.

Key: `event_id`. Partitioned by the day of the event.
"""

from __future__ import annotations

from pyspark.sql.types import IntegerType, StructField

from streaming.tables.columns import EVENT_FIELDS, schema, strings

NAME = "silver/user_changes"
ENTITY = "user"
SCHEMA = schema(
    *strings("user_id", "user_name"),
    StructField("user_age", IntegerType()),
    *strings("user_location"),
    *EVENT_FIELDS,
)
