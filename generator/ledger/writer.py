"""Writes the ledger of one run."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from json.encoder import encode_basestring_ascii as quote
from pathlib import Path
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from generator.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from generator.events.records import Expected, Record

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_SECONDS = 60.0


class Put(NamedTuple):
    """Where a record went: `record` is its number in the run, `put_time` epoch seconds."""

    record: int
    shard_id: str
    sequence_number: str
    put_time: float


class _Segments:
    """Appends lines to files PREFIX-NNNNNN.jsonl, a new one when one is full or a minute old."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory, self._prefix = directory, prefix
        self._number = 0
        self._file: IO[str] | None = None
        self._left = 0
        self._until = 0.0

    def write(self, text: str) -> None:
        """Append whole lines and hand them to the operating system."""
        try:
            self._write(text)
        except OSError as error:
            raise LedgerError(f"cannot write the ledger in '{self._directory}': {error.strerror}") from error

    def _write(self, text: str) -> None:
        if self._file is None or self._left <= 0 or time.monotonic() > self._until:
            self.close()
            path = self._directory / f"{self._prefix}-{self._number:06d}.jsonl"
            self._file = path.open("x", encoding="utf-8", newline="\n")
            self._number += 1
            self._left, self._until = SEGMENT_BYTES, time.monotonic() + SEGMENT_SECONDS
        self._file.write(text)
        self._file.flush()
        self._left -= len(text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


class Ledger:
    """One run's ledger. Thread-safe; every method returns when the operating system has the lines.

    That survives a killed process, not a lost machine: `fsync` before each put would cost more than
    the put. `run` must be unique in the directory.
    """

    def __init__(self, directory: Path, run: str, *, keep_bytes: bool = True) -> None:
        self._lock = Lock()
        self._next = 0
        self._keep_bytes = keep_bytes
        self.run = run
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / f"{run}-000000.jsonl").touch(exist_ok=False)
            (directory / f"{run}-000000.jsonl").unlink()
        except OSError as error:
            raise LedgerError(f"cannot write the ledger in '{directory}': {error.strerror}") from error
        self._lines = _Segments(directory, run)
        self._outbox = _Segments(directory, f"outbox-{run}")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def intend(self, records: Sequence[Record]) -> range:
        """Write down what is about to be put; returns the records' numbers."""
        with self._lock:
            numbers = range(self._next, self._next + len(records))
            self._next += len(records)
            if self._keep_bytes:
                self._outbox.write("".join(map(_outbox_line, numbers, records)))
            self._lines.write("".join(map(_intent_line, numbers, records)))
        return numbers

    def acknowledge(self, puts: Sequence[Put], run: str | None = None) -> None:
        """Write down what was put. `run` names the run of records that are put again."""
        other = f'"run":"{run}",' if run else ""
        self._append(
            "".join(
                f'{{"step":"ack",{other}"record":{p.record},"shard_id":"{p.shard_id}",'
                f'"sequence_number":"{p.sequence_number}","put_time":{p.put_time:.3f}}}\n'
                for p in puts
            )
        )

    def unknown(self, numbers: Sequence[int], run: str | None = None) -> None:
        """Write down that an attempt to put these records broke off without an answer."""
        other = f'"run":"{run}",' if run else ""
        self._append("".join(f'{{"step":"unknown",{other}"record":{n}}}\n' for n in numbers))

    def unsendable(self, number: int, reason: str) -> None:
        """Write down that a record was not put, and will not be."""
        self._append(f'{{"step":"unsendable","record":{number},"reason":{quote(reason)}}}\n')

    def note(self, step: str, **facts: Any) -> None:
        """Write down something about the run itself."""
        self._append(json.dumps({"step": step, **facts}, separators=(",", ":")) + "\n")

    def close(self) -> None:
        """Close the files; the ledger stays readable at any time without it."""
        with self._lock:
            self._lines.close()
            self._outbox.close()

    def _append(self, text: str) -> None:
        if text:
            with self._lock:
                self._lines.write(text)


def _nullable(text: str | None) -> str:
    return "null" if text is None else quote(text)


def _event(event: Expected) -> str:
    return (
        f'{{"event_id":{_nullable(event.event_id)},"entity":{_nullable(event.entity)},'
        f'"outcome":"{event.outcome}","reason":{_nullable(event.reason)},'
        f'"duplicate":{"true" if event.duplicate else "false"},"dirt":{_nullable(event.dirt)},'
        f'"mood":{_nullable(event.mood)},"topic":{_nullable(event.topic)},'
        f'"episode":{_nullable(event.episode)}}}'
    )


def _intent_line(number: int, record: Record) -> str:
    events = ",".join(map(_event, record.expected))
    return (
        f'{{"step":"intent","record":{number},"sha256":"{hashlib.sha256(record.data).hexdigest()}",'
        f'"bytes":{len(record.data)},"events":[{events}]}}\n'
    )


def _outbox_line(number: int, record: Record) -> str:
    data = b64encode(record.data).decode("ascii")
    return f'{{"record":{number},"key":{quote(record.key)},"data":"{data}"}}\n'
