"""Writes the rows of refine's tasks, and hands over those that cannot be written. Runs in Spark's Python workers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.delta.data_files import ARROW_FILES
from streaming.events.records import PEOPLE
from streaming.quarantine.bisect import bisect
from streaming.tables import bronze_events
from streaming.tables.catalog import SILVER
from streaming.tables.parsed_events import QUARANTINED

# From rows (of parsed_events, scored) to batches of data_files.FILES.
Write = Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]

# Why a text could not be scored; only in batches that are scored with `Champion.scorer(..., each=True)`.
SCORE_ERROR = "score_error"
MAX_ERROR = 500
_PLACE = ("sequence_number", "record_index", "partition_key", "stream", "arrival_time")
_NEEDED = ("entity", "duplicate_key", "event_id", "raw", "data", "reason", "detail", SCORE_ERROR, *_PLACE, *PEOPLE)


class LeavesOut:
    """A `Write` that returns rows of entity QUARANTINED for those rows that it leaves out. Can be pickled.

    Always left out: records that could not be parsed, and texts that could not be scored. With `taking_apart`, also
    rows at which `write` fails: each batch that it refuses is halved until those rows are found. What it wrote before
    it failed is in no commit. Without, the error fails the task, and with it the micro-batch.
    """

    def __init__(self, write: Write, *, taking_apart: bool) -> None:
        self._write = write
        self._taking_apart = taking_apart

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write the rows; yields batches of FILES. `mapInArrow` calls this."""
        left_out: list[dict[str, Any]] = []
        whole = _without_failed(batches, left_out)
        if not self._taking_apart:
            yield from self._write(whole)
        else:
            for batch in whole:
                yield from self._parts(batch, left_out)
        if left_out:
            rows = [{"entity": QUARANTINED, "quarantined": json.dumps(row)} for row in left_out]
            yield pa.RecordBatch.from_pylist(rows, schema=ARROW_FILES)

    def _parts(self, batch: pa.RecordBatch, left_out: list[dict[str, Any]]) -> list[pa.RecordBatch]:
        files, refused = bisect(batch.num_rows, lambda start, stop: self._write([batch.slice(start, stop - start)]))
        for each in refused:
            (row,) = _rows(batch.slice(each.position, 1))
            left_out.append(_quarantined(row, type(each.error).__name__, str(each.error)))
        return files


def quarantined_row(text: str) -> dict[str, Any]:
    """A row of silver_quarantined, from `quarantined` of FILES; the caller adds the hop and the batch."""
    row: dict[str, Any] = json.loads(text)
    row["data"] = base64.b64decode(row["data"])
    row["arrival_time"] = datetime.fromisoformat(row["arrival_time"]) if row["arrival_time"] else None
    return row


def _without_failed(batches: Iterable[pa.RecordBatch], left_out: list[dict[str, Any]]) -> Iterator[pa.RecordBatch]:
    """The batches without the rows that parsing or scoring failed at, which `left_out` gains."""
    for batch in batches:
        failed = pc.equal(batch["entity"], QUARANTINED)
        if SCORE_ERROR in batch.schema.names:
            failed = pc.or_(failed, pc.is_valid(batch[SCORE_ERROR]))
        if not pc.any(failed).as_py():
            yield batch
            continue
        for row in _rows(batch.filter(failed)):
            score_error = row.get(SCORE_ERROR)
            kind, why = ("ModelUnusable", score_error) if score_error else (row["reason"], row["detail"])
            left_out.append(_quarantined(row, kind, why))
        yield batch.filter(pc.invert(failed))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Only the needed columns: another value of a bad row, such as its time, may be none that Python can hold."""
    rows: list[dict[str, Any]] = batch.select([name for name in _NEEDED if name in batch.schema.names]).to_pylist()
    return rows


def _quarantined(row: dict[str, Any], kind: str, why: str) -> dict[str, Any]:
    entity = row["entity"]
    data = row["data"] if row["raw"] is None else row["raw"].encode()
    # An accepted event's `duplicate_key` is its id, which a copy of it shares.
    place = f"{row['sequence_number']}/{row['record_index']}/{row['event_id']}"
    return {
        # A record that could not be parsed was on its way to no table yet.
        "table_name": SILVER[entity].name if entity in SILVER else bronze_events.NAME,
        "key": place if row["duplicate_key"] == row["event_id"] else row["duplicate_key"],
        "event_id": row["event_id"],
        "data": base64.b64encode(data or b"").decode(),
        "error_class": kind,
        "error": why[:MAX_ERROR],
        **{name: row.get(name) for name in (*_PLACE, *PEOPLE)},
        "arrival_time": row["arrival_time"].isoformat() if row["arrival_time"] else None,
    }
