"""Bronze to silver with what Spark brings along, for comparison: no strict checks, no arrays, no scoring."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from streaming.events.contract import FIELDS
from streaming.tables.columns import SENTIMENT_FIELDS
from streaming.tables.parsed_events import PAYLOAD, REJECTED, SCHEMA

_PAYLOAD = ", ".join(f"{name} {'int' if name == 'user_age' else 'string'}" for name in PAYLOAD)
EVENT = f"event_id string, event_type string, schema_version int, event_time timestamp, payload struct<{_PAYLOAD}>"
KEPT = ("arrival_time", "ingested_at", "sequence_number", "stream", "partition_key", "data")


def from_json(window: str) -> Callable[[DataFrame], DataFrame]:
    """From bronze rows to the columns of `parsed_events`, the first of each event within `window`."""

    def first_of_each(bronze: DataFrame) -> DataFrame:
        raw = F.col("data").cast("string")
        event = bronze.select(*KEPT, raw.alias("raw"), F.from_json(raw, EVENT).alias("event"))
        known = F.col("event.event_type").isin(*FIELDS)
        columns = {
            "entity": F.when(known, F.col("event.event_type")).otherwise(REJECTED),
            "duplicate_key": F.coalesce("event.event_id", "sequence_number"),
            **{name: F.col(f"event.{name}") for name in ("event_id", "event_time", "schema_version")},
            **{name: F.col(f"event.payload.{name}") for name in PAYLOAD},
            "record_index": F.lit(0),
            "reason": F.lit(None).cast("string"),
            "detail": F.lit(None).cast("string"),
        }
        rows = event.withColumns(columns).select(*SCHEMA.names)
        return rows.withWatermark("ingested_at", window).dropDuplicatesWithinWatermark(["duplicate_key"])

    return first_of_each


class Unscored:
    """In the champion's place: leaves every sentiment null."""

    def score(self, rows: DataFrame, _batch: int) -> DataFrame:
        """Add the columns of a score without a value."""
        return rows.withColumns({field.name: F.lit(None).cast(field.dataType) for field in SENTIMENT_FIELDS})

    def fall_back(self, _batch: int, _why: str) -> bool:
        """There is no other."""
        return False
