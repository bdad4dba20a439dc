"""The protocol of a sink, and the sink that writes one record a line."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from generator.errors import PutFailed
from generator.events.records import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from generator.events.records import Record


class Placed(NamedTuple):
    """Where one record of a batch went; `put_time` in epoch seconds, taken when the answer came."""

    place: int  # in the batch
    shard_id: str
    sequence_number: str
    put_time: float


class PutReport(Protocol):
    """Receives the failures of a put; called from any thread."""

    def failed(self, count: int, throttled: int) -> None:
        """`count` records failed and will be put again, `throttled` of them for a shard's limit."""

    def unknown(self, indexes: Sequence[int]) -> None:
        """An attempt to put these records of the batch broke off: they may be in the stream."""


class Sink(Protocol):
    """Takes batches of records; `put` may be called from several threads."""

    def refuses(self, record: Record) -> str | None:
        """Return why a record can never be put, or None if it can."""

    def batches(self, records: Sequence[Record]) -> list[tuple[int, int]]:
        """Split into (first, after last) slices that one `put` takes."""

    def put(self, records: Sequence[Record], report: PutReport) -> list[Placed]:
        """Return when all records are stored, or raise a GeneratorError."""

    def close(self) -> None:
        """Release what is held."""


class LineSink:
    """Writes one record a line, its bytes unchanged. The sequence number is the line's number.

    Guarantee: what `put` returned for has been handed to the file object, which is flushed by `close`.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines = 0

    def refuses(self, record: Record) -> str | None:
        """Refuse a line feed, which would split the record, and 16 MiB or more, where input lines are cut."""
        if len(record.data) >= LONGEST_LINE:
            return f"longer than {LONGEST_LINE} bytes"
        return "holds a line feed" if b"\n" in record.data else None

    def batches(self, records: Sequence[Record]) -> list[tuple[int, int]]:
        """Take any number at once."""
        return [(0, len(records))] if records else []

    def put(self, records: Sequence[Record], report: PutReport) -> list[Placed]:  # noqa: ARG002
        """Write the lines."""
        with _name_write_errors():
            self._file.writelines(record.data + b"\n" for record in records)
        now, first = time.time(), self._lines + 1
        self._lines += len(records)
        return [Placed(i, "file", str(first + i), now) for i in range(len(records))]

    def close(self) -> None:
        """Flush; the file belongs to the caller."""
        with _name_write_errors():
            self._file.flush()


@contextmanager
def _name_write_errors() -> Iterator[None]:
    """Raise PutFailed for a write error such as a full disk; BrokenPipeError passes to the caller."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise PutFailed(f"cannot write: {error.strerror}") from error
