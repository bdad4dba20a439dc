"""Appends an archive of raw records to bronze: JSON-lines files of the landing zone, one record a line.

Guarantee: each file exactly once. A file is one commit, which carries the file's name and the hash of its content as a
Delta application transaction; a file with a transaction in bronze is skipped. Events that silver holds, or that an
erasure removed, are skipped too, however long ago they arrived: the job itself finds duplicates within a day only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

import orjson
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from streaming.corrections import erased_events
from streaming.delta.tables import open_table, spilled
from streaming.errors import OperationFailed, SettingsError
from streaming.events.contract import ERASED
from streaming.events.parse import Accepted, parse_record
from streaming.events.records import split_events
from streaming.files import Files
from streaming.operations.bronze_rows import SCHEMA, Row, bronze_row
from streaming.operations.command import Progress
from streaming.operations.silver_ids import present
from streaming.settings import Settings
from streaming.tables import bronze_events

STREAM = "archive"
ENDINGS = (".jsonl", ".jsonl.gz", ".json", ".json.gz")
BATCH_ROWS = 20_000

Line = tuple[int, bytes]


def append_archive(settings: Settings, folder: str, progress: Progress) -> list[tuple[str, int | None]]:
    """Append each file's records to bronze; returns (file, records), None for a file that was appended before."""
    folder = folder.rstrip("/")
    names = [file.name for file in Files(settings).below(folder, recursive=True) if file.name.endswith(ENDINGS)]
    if not names:
        raise SettingsError(f"--archive: '{folder}' holds no file that ends with {', '.join(ENDINGS)}")
    appended: list[tuple[str, int | None]] = []
    for name in names:
        count = _append_file(settings, folder, name)
        appended.append((name, count))
        progress(f"{name}: {'appended before' if count is None else count}")
    return appended


def _append_file(settings: Settings, folder: str, name: str) -> int | None:
    bronze = open_table(settings, bronze_events.NAME)
    path = f"{folder}/{name}"
    identity = f"{STREAM}/{name}/{_digest(settings, path)}"
    if bronze.transaction_version(identity) is not None:
        return None
    count = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal count
        for lines in _batched(enumerate(Files(settings).lines(path), 1)):
            rows = list(_wanted(settings, name, lines))
            count += len(rows)
            yield from pa.Table.from_pylist(rows, SCHEMA).to_batches()

    with spilled(SCHEMA, batches()) as records:
        _append(bronze, records, identity)
    return count


def _append(bronze: DeltaTable, rows: pa.RecordBatchReader, identity: str) -> None:
    mark = CommitProperties(app_transactions=[Transaction(identity, 1)])
    try:
        write_deltalake(bronze, rows, mode="append", commit_properties=mark)
    except CommitFailedError as error:
        raise OperationFailed("another process is reading the same archive; wait for it, then try again") from error


def _wanted(settings: Settings, name: str, lines: list[Line]) -> Iterator[Row]:
    """Bronze rows of the lines, without the events that are skipped."""
    now = datetime.now(UTC)
    parsed = [(number, data, parse_record(data, now)) for number, data in lines if data.strip()]
    ids = sorted({event.event_id for *_, events in parsed for event in events if isinstance(event, Accepted)})
    skipped = present(settings, ids) | erased_events.event_ids(settings, pa.array(ids, pa.string()))
    for number, data, events in parsed:
        drop = {event.record_index for event in events if event.event_id in skipped}
        if len(drop) < len(events):
            yield bronze_row(_without(data, drop), STREAM, None, f"{name}:{number}", now)


def _without(data: bytes, drop: set[int]) -> bytes:
    """The record, in which ERASED replaces the elements with the indices `drop`, so that the others keep theirs."""
    if not drop:
        return data
    gap = orjson.dumps(ERASED)
    kept = (gap if index in drop else element for index, element in enumerate(split_events(data)))
    return b"[" + b",".join(kept) + b"]"


def _batched(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH_ROWS)):
        yield batch


def _digest(settings: Settings, path: str) -> str:
    digest = hashlib.sha256()
    for line in Files(settings).lines(path):
        digest.update(line + b"\n")
    return digest.hexdigest()[:32]
