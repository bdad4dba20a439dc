"""Writes one event a line, to a file or to standard output.

Guarantee: what `put` returned for was handed to the operating system. A file that is continued loses a half-written
last line first, and its last ids are remembered: events that a source repeats after a crash are written once.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import orjson

from connectors.errors import PutFailed, UsageError
from connectors.event import Event
from connectors.sinks import Placed, PutReport

TAIL = 64 * 1024 * 1024  # bytes of a continued file that are looked through for ids


class LineSink:
    """Writes to an open binary file, which it closes only if `owned`."""

    def __init__(self, file: IO[bytes], *, owned: bool = False, ids: Sequence[str] = ()) -> None:
        self._file, self._owned, self._ids = file, owned, ids
        self._lines = 0

    def put(self, events: Sequence[Event], report: PutReport) -> list[Placed]:  # noqa: ARG002 - lines never fail singly
        """Write the lines and hand them to the operating system."""
        try:
            self._file.writelines(event.data + b"\n" for event in events)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise PutFailed(f"cannot write: {error.strerror}") from error
        now, first = time.time(), self._lines + 1
        self._lines += len(events)
        return [Placed(place, "file", str(first + place), now) for place in range(len(events))]

    def remembered(self) -> Sequence[str]:
        """The ids at the end of the file."""
        return self._ids

    def close(self) -> None:
        """Close an owned file."""
        if self._owned:
            with suppress(OSError):
                self._file.close()


def opened(path: Path, *, continued: bool) -> LineSink:
    """A sink that writes `path`: anew, or behind what a former run left there. Raises UsageError."""
    try:
        if not continued or not path.exists() or not path.is_file():
            return LineSink(path.open("wb"), owned=True)
        ids = _mend(path)
        return LineSink(path.open("ab"), owned=True, ids=ids)
    except OSError as error:
        raise UsageError(f"cannot write --out '{path}': {error.strerror}") from error


def _mend(path: Path) -> Sequence[str]:
    """Cut off a last line that a crash left unfinished; returns the event ids of the last lines."""
    ids: deque[str] = deque()
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL))
        if file.tell():
            file.readline()
        end = file.tell()
        for line in file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            with suppress(orjson.JSONDecodeError, KeyError, TypeError):
                ids.append(orjson.loads(line)["event_id"])
        if end < size:
            file.truncate(end)
    return ids
