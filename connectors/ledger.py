"""Writes down what is sent, for the audit, in the form of the generator's ledger.

The form is a contract between two programs that do not import each other (`tests/contract/test_ledger_contract.py`):
`RUN-NNNNNN.jsonl` holds intents and acknowledgements, `outbox-RUN-NNNNNN.jsonl` the bytes. An intent is handed to the
operating system before the put, the acknowledgement after it.
"""

from __future__ import annotations

import hashlib
import os
import time
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from connectors.errors import UsageError
from connectors.event import Event
from connectors.sinks import Placed

SEGMENT_BYTES = 16 * 1024 * 1024
SEGMENT_S = 60.0
KEEP_OUTBOX_S = 900.0  # bytes are kept until an emulator that lost its memory can surely be served again


class Ledger:
    """The ledger of one run. Not thread-safe: one thread sends."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}"
        self._next = 0
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write --ledger '{directory}': {error.strerror}") from error
        self._lines = _Segments(directory, run)
        self._outbox = _Segments(directory, f"outbox-{run}")
        self._tidied = time.monotonic()

    def intend(self, events: Sequence[Event]) -> int:
        """Write down what is about to be put; returns the first record's number."""
        first = self._next
        self._next += len(events)
        self._outbox.write([_outbox(first + place, event) for place, event in enumerate(events)])
        self._lines.write([_intent(first + place, event) for place, event in enumerate(events)])
        self._tidy()
        return first

    def acknowledge(self, first: int, placed: Sequence[Placed]) -> None:
        """Write down what was put; `first` is the number of the batch's first record."""
        self._lines.write(
            [
                {
                    "step": "ack",
                    "record": first + at.place,
                    "shard_id": at.shard_id,
                    "sequence_number": at.sequence_number,
                    "put_time": round(at.put_time, 3),
                }
                for at in placed
            ]
        )

    def unknown(self, first: int, places: Sequence[int]) -> None:
        """Write down that an attempt to put these events broke off without an answer."""
        self._lines.write([{"step": "unknown", "record": first + place} for place in places])

    def note(self, step: str, **facts: Any) -> None:
        """Write down something about the run itself."""
        self._lines.write([{"step": step, **facts}])

    def close(self) -> None:
        """Close the files."""
        self._lines.close()
        self._outbox.close()

    def _tidy(self) -> None:
        """Delete bytes that are kept no longer; an open segment is younger than that."""
        if time.monotonic() - self._tidied < SEGMENT_S:
            return
        self._tidied = time.monotonic()
        limit = time.time() - KEEP_OUTBOX_S
        for path in self._directory.glob("outbox-*.jsonl"):
            if path.stat().st_mtime < limit:
                path.unlink(missing_ok=True)


class _Segments:
    """Appends lines to files PREFIX-NNNNNN.jsonl, a new one when one is full or a minute old."""

    def __init__(self, directory: Path, prefix: str) -> None:
        self._directory, self._prefix = directory, prefix
        self._number = 0
        self._file: IO[bytes] | None = None
        self._left = 0
        self._until = 0.0

    def write(self, lines: Sequence[dict[str, Any]]) -> None:
        """Append lines and hand them to the operating system; raises UsageError where they cannot be written."""
        data = b"".join(orjson.dumps(line) + b"\n" for line in lines)
        if not data:
            return
        try:
            if self._file is None or self._left <= 0 or time.monotonic() > self._until:
                self.close()
                self._file = (self._directory / f"{self._prefix}-{self._number:06d}.jsonl").open("xb")
                self._number += 1
                self._left, self._until = SEGMENT_BYTES, time.monotonic() + SEGMENT_S
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write --ledger '{self._directory}': {error.strerror}") from error
        self._left -= len(data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _intent(number: int, event: Event) -> dict[str, Any]:
    expected = {
        "event_id": event.event_id,
        "entity": event.kind,
        "outcome": "silver",
        "reason": None,
        "duplicate": False,
        "dirt": None,
        "mood": None,
        "topic": None,
        "episode": None,
    }
    return {
        "step": "intent",
        "record": number,
        "sha256": hashlib.sha256(event.data).hexdigest(),
        "bytes": len(event.data),
        "events": [expected],
    }


def _outbox(number: int, event: Event) -> dict[str, Any]:
    return {"record": number, "key": event.key, "data": b64encode(event.data).decode("ascii")}
