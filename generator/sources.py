"""The sources of records: the simulation, or a file whose records are sent unchanged."""

from __future__ import annotations

import csv
import gzip
import hashlib
import math
import sys
import time
import zlib
from typing import IO, TYPE_CHECKING, Protocol, cast

from generator.errors import UsageError
from generator.events.records import LONGEST_LINE, MAX_TEXT, MOODS
from generator.events.reference_validator import as_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from generator.changes import Changes
    from generator.delivery.pacing import LoadCurve
    from generator.events.records import Record
    from generator.simulation import Simulation

RECENT = 1_000_000  # event ids that are remembered to detect duplicates in a file


class Source(Protocol):
    """Gives records until it has no more."""

    def take(self, count: int) -> list[Record]:
        """Return at most `count` of the next records, and none only at the end."""


class SimulatedClock:
    """Simulates time: each record is 1/rate seconds (divided by the load curve) after the one before."""

    def __init__(self, start: float, rate: float, curve: LoadCurve) -> None:
        self._start, self._rate, self._curve = start, rate, curve
        self._elapsed = 0.0

    def __call__(self) -> float:
        """Return the next record's time in epoch seconds."""
        at = self._start + self._elapsed
        self._elapsed += 1.0 / (self._rate * max(self._curve(self._elapsed), 1e-3))
        return at


class SimulatedSource:
    """Records of the simulated platform, at the times that a clock gives, before the time `until`."""

    def __init__(self, simulation: Simulation | Changes, clock: Callable[[], float], until: float = math.inf) -> None:
        self._next, self._clock, self._until = simulation.next, clock, until

    def take(self, count: int) -> list[Record]:
        """Return `count` records, fewer at the end."""
        records: list[Record] = []
        while len(records) < count and (at := self._clock()) < self._until:
            records.append(self._next(at))
        return records


def one_record_per_line(line: bytes) -> list[bytes]:
    """Return the line as one record."""
    return [line]


def read_texts(path: Path) -> list[tuple[str, str]]:
    """Read labelled texts: a CSV with the columns `text` and `label` (negative, neutral, positive).

    Use only texts that no model was trained on; else the accuracy measured in the stream is too high.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if not {"text", "label"} <= set(rows.fieldnames or ()):
                raise UsageError(f"--texts '{path}' has the columns {rows.fieldnames}, expected text and label")
            texts = [(row["text"], row["label"]) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"cannot read --texts '{path}': {error}") from error
    usable = [(text, label) for text, label in texts if label in MOODS and text.strip() and len(text) <= MAX_TEXT]
    if not usable:
        raise UsageError(f"--texts '{path}' holds no row labelled {', '.join(MOODS)}")
    return usable


class FileSource:
    """Records of a file, one a line, unchanged except that the line feed is removed.

    A repeated event id is marked as a duplicate if it was seen among the last million of this run.
    Only the first 16 MiB of a longer line are kept; every sink refuses it, and the ledger says so.
    """

    def __init__(self, path: Path, translate: Callable[[bytes], list[bytes]]) -> None:
        """`translate` returns the records of one line."""
        self._path, self._translate = path, translate
        self._lines = self._read(self._open())
        self._seen: dict[bytes, None] = {}

    def _open(self) -> IO[bytes]:
        if str(self._path) == "-":
            return sys.stdin.buffer
        try:
            if self._path.suffix == ".gz":
                return cast("IO[bytes]", gzip.open(self._path, "rb"))
            return self._path.open("rb")
        except OSError as error:
            raise UsageError(f"cannot read --input '{self._path}': {error.strerror}") from error

    def _read(self, file: IO[bytes]) -> Iterator[bytes]:
        try:
            with file:
                while line := file.readline(LONGEST_LINE):
                    kept = line
                    while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE)):
                        pass  # the rest of an endless line
                    yield kept.removesuffix(b"\n")
        except (OSError, EOFError, zlib.error) as error:
            raise UsageError(f"cannot read --input '{self._path}': {error}") from error

    def take(self, count: int) -> list[Record]:
        """Return the next lines' records, judged as arriving now; about 16 MiB and `count` at most."""
        records: list[Record] = []
        room = LONGEST_LINE
        while len(records) < count and room > 0:
            line = next(self._lines, None)
            if line is None:
                break
            room -= len(line)
            now = time.time()
            records += [self._marked(as_record(data, now)) for data in self._translate(line)]
        return records

    def _marked(self, record: Record) -> Record:
        """Mark events whose id was seen before."""
        expected = tuple(
            e._replace(duplicate=True)
            if e.outcome == "silver" and e.event_id is not None and self._known(e.event_id)
            else e
            for e in record.expected
        )
        return record._replace(expected=expected)

    def _known(self, event_id: str) -> bool:
        key = hashlib.blake2b(event_id.encode(), digest_size=8).digest()
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > RECENT:
            del self._seen[next(iter(self._seen))]
        return False
