"""Groups of columns that several tables share, as fields of Spark schemas."""

from __future__ import annotations

from pyspark.sql.types import (
    BinaryType,
    DoubleType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

PARTITIONS = ("year", "month", "day")


def strings(*names: str) -> list[StructField]:
    """Nullable string fields of these names."""
    return [StructField(name, StringType()) for name in names]


def timestamps(*names: str) -> list[StructField]:
    """Nullable timestamp fields of these names."""
    return [StructField(name, TimestampType()) for name in names]


PARTITION_FIELDS = [StructField(name, IntegerType()) for name in PARTITIONS]

EVENT_FIELDS = [
    *strings("event_id"),
    *timestamps("event_time"),
    StructField("schema_version", IntegerType()),
    *strings("raw"),
    *timestamps("arrival_time"),
    *strings("sequence_number"),
    StructField("record_index", IntegerType()),
    *strings("source"),
]

SENTIMENT_FIELDS = [
    *strings("sentiment"),
    StructField("polarity", DoubleType()),
    StructField("confidence", DoubleType()),
    *strings("model_version"),
]

# The language of a text; why it has no sentiment, where the model that scored the others does not serve it; and which
# model of a version with two decided.
LANGUAGE_FIELDS = strings("language", "unscored_reason", "scored_by")

BINARY_DATA = StructField("data", BinaryType())


def schema(*fields: StructField) -> StructType:
    """A table's schema: its fields, then the partition columns."""
    return StructType([*fields, *PARTITION_FIELDS])
