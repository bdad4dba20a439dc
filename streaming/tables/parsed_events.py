"""The rows between bronze and silver: one for each event of a record, accepted or rejected. They are never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import (
    BinaryType,
    DataType,
    IntegerType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from streaming.events.contract import (
    FIELDS,
    Accepted,
    Rejected,
    parse_record,
)
from streaming.tables.columns import strings, timestamps

PAYLOAD = tuple(dict.fromkeys(name for fields in FIELDS.values() for name in fields))
REJECTED = "rejected"

SCHEMA = StructType(
    [
        *strings("entity", "duplicate_key", "event_id"),
        *timestamps("event_time"),
        StructField("schema_version", IntegerType()),
        *strings("raw"),
        *timestamps("arrival_time", "ingested_at"),
        *strings("sequence_number"),
        StructField("record_index", IntegerType()),
        *[StructField(name, IntegerType() if name == "user_age" else StringType()) for name in PAYLOAD],
        *strings("reason", "detail", "stream", "partition_key"),
        StructField("data", BinaryType()),
    ]
)

_ARROW_TYPES: dict[DataType, pa.DataType] = {
    StringType(): pa.string(),
    IntegerType(): pa.int32(),
    BinaryType(): pa.binary(),
    TimestampType(): pa.timestamp("us", tz="UTC"),
}
_ARROW = pa.schema([(field.name, _ARROW_TYPES[field.dataType]) for field in SCHEMA.fields])


def parsed_events(bronze: DataFrame) -> DataFrame:
    """Converts bronze rows to one row (SCHEMA) per event, in one pass of Python over Arrow batches."""
    return bronze.select(
        "data", "stream", "partition_key", "sequence_number", "arrival_time", "ingested_at"
    ).mapInArrow(parsed_batches, SCHEMA)


def without_duplicates(window: str) -> Callable[[DataFrame], DataFrame]:
    """Keep the first event of each `event_id` within `window` ("24 hours").

    The window is measured by `ingested_at`, not by event time: no event is dropped for being late, and the state of the
    query is bounded nevertheless.
    """

    def first_of_each(events: DataFrame) -> DataFrame:
        return events.withWatermark("ingested_at", window).dropDuplicatesWithinWatermark(["duplicate_key"])

    return first_of_each


def parsed_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What `parsed_events` does, on Arrow batches and without Spark."""
    for batch in batches:
        rows = [row for record in batch.to_pylist() for row in _rows(record)]
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=_ARROW)


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    data = record["data"] or b""
    position = {
        "arrival_time": record["arrival_time"],
        "ingested_at": record["ingested_at"],
        "sequence_number": record["sequence_number"],
    }
    for event in parse_record(data, record["arrival_time"]):
        if isinstance(event, Accepted):
            yield position | _accepted(event)
        else:
            yield position | _rejected(event, record)


def _accepted(event: Accepted) -> dict[str, Any]:
    return {
        "entity": event.event_type,
        "duplicate_key": event.event_id,
        "event_id": event.event_id,
        "event_time": event.event_time,
        "schema_version": event.schema_version,
        "raw": event.raw,
        "record_index": event.record_index,
        **{name: event.payload.get(name) for name in (*FIELDS[event.event_type], "post_id")},
    }


def _rejected(event: Rejected, record: dict[str, Any]) -> dict[str, Any]:
    # Connectors split KPL aggregates: the parts have the same sequence number, but different bytes.
    digest = blake2b(record["data"] or b"", digest_size=12).hexdigest()
    place = f"{record['stream']}/{record['sequence_number']}/{event.record_index}/{digest}"
    return {
        "entity": REJECTED,
        # Its place identifies a rejected event: the id that it claims may be another event's.
        "duplicate_key": f"{REJECTED}:{place}",
        "event_id": event.event_id,
        "record_index": event.record_index,
        "reason": event.reason,
        "detail": event.detail,
        "data": record["data"],
        "stream": record["stream"],
        "partition_key": record["partition_key"],
    }
