"""silver/quarantined: rows that a hop left out of a batch because they made it fail, until they are replayed.

Key: (`hop`, `table_name`, `key`). `key` is the event's place in its record (refine), its id (load) or the key of the
gold row as JSON (serve). `data` holds the event exactly as it came (refine), else the row as JSON; `record_index` is
null where it is the whole record. Partitioned by the day of `quarantined_at`.
"""

from __future__ import annotations

from pyspark.sql.types import IntegerType, LongType, StructField

from streaming.tables.columns import BINARY_DATA, schema, strings, timestamps

NAME = "silver/quarantined"
TIME = "quarantined_at"
# The stream of the rows of bronze that replay quarantined events.
REPLAY_STREAM = "quarantined"
KEY = ("hop", "table_name", "key")
SCHEMA = schema(
    *strings("hop", "table_name", "key", "event_id"),
    BINARY_DATA,
    *strings("error_class", "error", "query"),
    StructField("batch", LongType()),
    *timestamps("arrival_time", TIME),
    *strings("stream", "sequence_number"),
    StructField("record_index", IntegerType()),
    # By these an erasure finds the rows of a person.
    *strings("partition_key", "user_id", "user1_id", "user2_id"),
)
