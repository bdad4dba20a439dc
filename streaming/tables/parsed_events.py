"""The rows between bronze and silver: one for each event of a record, accepted or rejected. They are never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
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

from streaming.events.contract import EPOCH, FIELDS, OPTIONAL
from streaming.events.parse import Accepted, Rejected, parse_record
from streaming.failures import ABOUT_DATA
from streaming.tables.columns import strings, timestamps
from streaming.tables.silver_quarantined import REPLAY_STREAM

# What a row has of its record, and of an accepted event besides its payload.
POSITION = ["arrival_time", "ingested_at", "sequence_number"]
EVENT = ("event_id", "event_time", "schema_version", "raw", "source", "record_index")
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
    records hold: a few of them may become a hundred thousand rows. In a slice the rows of an entity stand together.
    """
    for records in batches:
        held = _Held(records)
        for start in range(0, records.num_rows, SLICE_RECORDS):
            part = records.slice(start, SLICE_RECORDS)
            arrivals = part["arrival_time"].cast(pa.int64()).to_pylist()
            for place, (data, arrival) in enumerate(zip(part["data"].to_pylist(), arrivals, strict=True), start):
                held.add(place, data or b"", arrival, parse)
                if held.size >= SLICE_BYTES:
                    yield held.taken()
        if held.size:
            yield held.taken()


class _Held:
    """Rows of one batch of records that wait to be sent on: events by entity, as columns in the making; others."""

    def __init__(self, records: pa.RecordBatch) -> None:
        self.size = 0
        self._records = records
        self._replayed = REPLAY_STREAM in pc.unique(records["stream"]).to_pylist()
        self._events: dict[str, list[tuple[int, Accepted]]] = {}
        self._others: list[dict[str, Any]] = []

    def add(self, place: int, data: bytes, arrival: int, parse: Parse) -> None:
        """Take the events of the record at `place`; `arrival`: microseconds since 1970."""
        try:
            events = parse(data, EPOCH + timedelta(microseconds=arrival))
        except ABOUT_DATA as error:
            self._add_other(_failed(self._record(place), data, error))
            return
        # Once a record, not once an event: they copy its bytes, and a record may hold thousands of events.
        record, digest = None, ""
        for event in events:
            if isinstance(event, Accepted):
                self._events.setdefault(event.event_type, []).append((place, event))
                self.size += ROW_BYTES + len(event.raw)
            else:
                digest = digest or record_digest(data)
                record = record or self._record(place)
                self._add_other(_position(record) | _rejected(event, record, digest))

    def taken(self) -> pa.RecordBatch:
        """All rows (SCHEMA), which are held no longer."""
        parts = [self._of_entity(entity, *zip(*events, strict=True)) for entity, events in self._events.items()]
        parts += [_batch(self._others)] if self._others else []
        self._events, self._others, self.size = {}, [], 0
        (rows,) = pa.Table.from_batches(parts).combine_chunks().to_batches()
        return rows

    def _add_other(self, row: dict[str, Any]) -> None:
        self._others.append(row)
        self.size += ROW_BYTES + len(row["data"] or b"")

    def _record(self, place: int) -> dict[str, Any]:
        record: dict[str, Any] = self._records.slice(place, 1).to_pylist()[0]
        return record

    def _of_entity(self, entity: str, places: Sequence[int], events: Sequence[Accepted]) -> pa.RecordBatch:
        """The rows of the accepted events of one type; a value that its column cannot hold puts its row apart."""
        positions = self._records.select(POSITION).take(pa.array(places))
        columns = {name: positions[name] for name in POSITION}
        payload = events[0].payload.keys()
        try:
            for name, values in {
                **{name: [getattr(event, name) for event in events] for name in EVENT},
                **{name: [event.payload[name] for event in events] for name in payload},
                "duplicate_key": self._keys(places, events),
            }.items():
                columns[name] = pa.array(values, _ARROW.field(name).type)
        except ABOUT_DATA:
            return _batch([self._row(place, event) for place, event in zip(places, events, strict=True)])
        columns["entity"] = pa.repeat(entity, len(events))
        absent = {field.name: pa.nulls(len(events), field.type) for field in _ARROW if field.name not in columns}
        return pa.RecordBatch.from_pydict(columns | absent, schema=_ARROW)

    def _row(self, place: int, event: Accepted) -> dict[str, Any]:
        (key,) = self._keys([place], [event])
        own = {"entity": event.event_type, "duplicate_key": key, **{name: getattr(event, name) for name in EVENT}}
        return _position(self._record(place)) | own | dict(event.payload)

    def _keys(self, places: Sequence[int], events: Sequence[Accepted]) -> list[str]:
        if not self._replayed:
            return [event.event_id for event in events]
        return [_replay_key(self._record(place), event) for place, event in zip(places, events, strict=True)]


def _replay_key(record: dict[str, Any], event: Accepted) -> str:
    if record["stream"] != REPLAY_STREAM:
        return event.event_id
    # The duplicate filter has seen the event's id already: when it came first, and was left out.
    return f"{REPLAY_STREAM}:{record['sequence_number']}/{event.record_index}"


def _position(record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in POSITION}


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
