"""The rows between bronze and silver: one for each event of a record, accepted or rejected. They are never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
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
    OPTIONAL,
    Accepted,
    Rejected,
    parse_record,
)
from streaming.failures import ABOUT_DATA
from streaming.tables.columns import strings, timestamps
from streaming.tables.silver_quarantined import REPLAY_STREAM

PAYLOAD = tuple(dict.fromkeys(name for fields in (*FIELDS.values(), *OPTIONAL.values()) for name in fields))
REJECTED = "rejected"
# The entity of a record, or of an event, at which our own code fails. Parsing depends on nothing but the bytes, so the
# same error would come again.
QUARANTINED = "quarantined"
MAX_DETAIL = 500
# What is held at once by a task: rows up to about this size, made from so many records at a time.
SLICE_BYTES = 8 * 1024 * 1024
SLICE_RECORDS = 256
ROW_BYTES = 400  # of a row's other columns, about

SCHEMA = StructType(
    [
        *strings("entity", "duplicate_key", "event_id"),
        *timestamps("event_time"),
        StructField("schema_version", IntegerType()),
        *strings("raw", "source"),
        *timestamps("arrival_time", "ingested_at"),
        *strings("sequence_number"),
        StructField("record_index", IntegerType()),
        *[StructField(name, IntegerType() if name == "user_age" else StringType()) for name in PAYLOAD],
        *strings("reason", "detail", "stream", "partition_key", "record_digest"),
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


Parse = Callable[[bytes, datetime], list[Accepted | Rejected]]


def parsed_batches(batches: Iterable[pa.RecordBatch], parse: Parse = parse_record) -> Iterator[pa.RecordBatch]:
    """The same on Arrow batches, without Spark. A record at which `parse` fails becomes a row of entity QUARANTINED.

    Comes in slices of about SLICE_BYTES, so that memory is bounded by that and the largest record, whatever the
    records hold: a few of them may become a hundred thousand rows.
    """
    held, size = [], 0
    for batch in batches:
        for start in range(0, batch.num_rows, SLICE_RECORDS):
            for record in batch.slice(start, SLICE_RECORDS).to_pylist():
                for row in _rows_or_failure(record, parse):
                    held.append(row)
                    size += ROW_BYTES + len(row.get("raw") or "") + len(row.get("data") or b"")
                    if size >= SLICE_BYTES:
                        yield _batch(held)
                        held, size = [], 0
        if held:
            yield _batch(held)
            held, size = [], 0


def record_digest(data: bytes) -> str:
    """Distinguishes records that share a position: the parts of a KPL aggregate that a connector took apart."""
    return blake2b(data, digest_size=12).hexdigest()


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    """The rows as a batch; a row with a value that its column cannot hold becomes one of entity QUARANTINED."""
    try:
        return pa.RecordBatch.from_pylist(rows, schema=_ARROW)
    except ABOUT_DATA:
        return pa.RecordBatch.from_pylist([_fitting(row) for row in rows], schema=_ARROW)


def _fitting(row: dict[str, Any]) -> dict[str, Any]:
    try:
        pa.RecordBatch.from_pylist([row], schema=_ARROW)
    except ABOUT_DATA as error:
        data = row.get("data") if row.get("raw") is None else row["raw"].encode(errors="surrogatepass")
        return _failed(row, data or b"", error)
    return row


def _rows_or_failure(record: dict[str, Any], parse: Parse) -> list[dict[str, Any]]:
    try:
        return list(_rows(record, parse))
    except ABOUT_DATA as error:
        return [_failed(record, record["data"] or b"", error)]


def _failed(origin: dict[str, Any], data: bytes, error: Exception) -> dict[str, Any]:
    """A row of entity QUARANTINED. `origin`: the record, or the row of one event of it."""
    index, digest = origin.get("record_index"), record_digest(data)
    place = f"{origin.get('stream')}/{origin['sequence_number']}/{index}/{digest}"
    kept = ("stream", "partition_key", "sequence_number", "arrival_time", "ingested_at")
    return {
        "entity": QUARANTINED,
        "duplicate_key": f"{QUARANTINED}:{place}",
        "record_index": index,
        "reason": type(error).__name__,
        "detail": str(error)[:MAX_DETAIL],
        "data": data,
        "record_digest": digest,
        **{name: origin.get(name) for name in kept},
    }


def _rows(record: dict[str, Any], parse: Parse) -> Iterator[dict[str, Any]]:
    data = record["data"] or b""
    position = {name: record[name] for name in ("arrival_time", "ingested_at", "sequence_number")}
    digest = ""
    for event in parse(data, record["arrival_time"]):
        if isinstance(event, Accepted):
            row = position | _accepted(event)
            if record["stream"] == REPLAY_STREAM:
                # The duplicate filter has seen the event's id already: when it came first, and was left out.
                row["duplicate_key"] = f"{REPLAY_STREAM}:{record['sequence_number']}/{event.record_index}"
            yield row
        else:
            digest = digest or record_digest(data)
            yield position | _rejected(event, record, digest)


def _accepted(event: Accepted) -> dict[str, Any]:
    return {
        "entity": event.event_type,
        "duplicate_key": event.event_id,
        "event_id": event.event_id,
        "event_time": event.event_time,
        "schema_version": event.schema_version,
        "raw": event.raw,
        "source": event.source,
        "record_index": event.record_index,
        **event.payload,
    }


def _rejected(event: Rejected, record: dict[str, Any], digest: str) -> dict[str, Any]:
    place = f"{record['stream']}/{record['sequence_number']}/{event.record_index}/{digest}"
    return {
        "entity": REJECTED,
        # Its place identifies a rejected event: the id that it claims may be another event's. No event id holds NUL, so
        # that nobody can send an event that is taken for a copy of a rejected one.
        "duplicate_key": f"\0{REJECTED}:{place}",
        "event_id": event.event_id,
        "record_index": event.record_index,
        "reason": event.reason,
        "detail": event.detail,
        "data": record["data"] if event.raw is None else event.raw.encode(),
        "stream": record["stream"],
        "partition_key": record["partition_key"],
        "record_digest": digest,
    }
