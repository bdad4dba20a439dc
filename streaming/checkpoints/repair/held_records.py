"""Which records of a shard bronze holds: they are the shard's first ones, since ingest reads a shard in order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.exceptions import TableNotFoundError

from streaming.checkpoints.shards import AFTER, Position, Record
from streaming.delta.tables import open_table, plain, read
from streaming.settings import Settings
from streaming.tables import bronze_erased, bronze_events

# Kinesis gives times in milliseconds, and some of its emulators in seconds.
SLACK = timedelta(seconds=2)


def end_of(settings: Settings, stream: str, pages: Iterable[list[Record]]) -> Position | None:
    """The position after the last record that bronze holds, or held until an erasure; None if it holds none of them.

    `pages`: the shard's records in order; no page is asked for after the first of which bronze holds nothing.
    """
    erased = _erased(settings, stream)
    end = None
    for page in pages:
        held = _held(settings, stream, page) | erased
        numbers = [record.number for record in page if record.number in held]
        if not numbers:
            break
        end = Position(AFTER, numbers[-1])
    return end


def _held(settings: Settings, stream: str, page: list[Record]) -> set[str]:
    first, last = (edge(record.arrived for record in page) for edge in (min, max))
    span = f"arrival_time >= '{(first - SLACK).isoformat()}' AND arrival_time <= '{(last + SLACK).isoformat()}'"
    rows = read(open_table(settings, bronze_events.NAME), ["stream", "sequence_number"], span)
    return _numbers(rows, stream)


def _erased(settings: Settings, stream: str) -> set[str]:
    try:
        table = open_table(settings, bronze_erased.NAME)
    except TableNotFoundError:
        return set()
    return _numbers(plain(pa.table(table.scan(columns=["stream", "sequence_number"]))), stream)


def _numbers(rows: pa.Table, stream: str) -> set[str]:
    return set(rows.filter(pc.equal(rows["stream"], stream))["sequence_number"].to_pylist())
