"""The warehouse's facts of rows that left silver: noted before that, deleted once `load` cannot bring them again.

A note is a small file beside the hop's checkpoint: silver's commit removes the only other place that names the events.
To delete a fact twice, or before its row has left silver, does no harm: what goes from silver once never comes back.
While the warehouse cannot be reached, the notes wait, and silver and gold go on.
"""

from __future__ import annotations

import logging
import time
from typing import Any
from uuid import uuid4

import pyarrow as pa

from streaming import commit_points
from streaming.checkpoints import positions
from streaming.delta.tables import open_table
from streaming.errors import SinkUnavailable
from streaming.files import Files
from streaming.retraction.items import KINDS
from streaming.settings import Settings
from streaming.tables.keyed_table import TIMESTAMP
from streaming.warehouse import corrections

log = logging.getLogger(__name__)

FOLDER = "facts"
NOTE = pa.schema([("event_id", pa.string()), ("arrival_time", TIMESTAMP)])
RETRY_S = 10.0


class Facts:
    """The notes of facts to delete; without a warehouse there are none. Called by one thread."""

    def __init__(self, settings: Settings) -> None:
        """Finds the notes that an ended process left."""
        self._settings = settings
        self._files = Files(settings)
        self._folder = f"{settings.checkpoint(positions.RETRACT)}/{FOLDER}"
        # By path: the version of silver that `load` must be past; None until the rows have left silver.
        self._waiting: dict[str, int | None] = {}
        self._retry_at = 0.0
        if settings.warehouse:
            self._waiting = {f"{self._folder}/{each.name}": None for each in self._files.below(self._folder)}

    def __len__(self) -> int:
        return len(self._waiting)

    def note(self, kind: str, events: pa.Table, path: str = "") -> str:
        """Write down that the facts of these events (NOTE) are to go; `path`: the note to write over."""
        path = path or f"{self._folder}/{kind}-{time.time_ns() // 1000}-{uuid4().hex}.arrow"
        if self._settings.warehouse:
            sink = pa.BufferOutputStream()
            with pa.ipc.new_stream(sink, NOTE) as writer:
                writer.write_table(events.select(NOTE.names).cast(NOTE))
            self._files.write(path, sink.getvalue().to_pybytes())
            self._waiting[path] = None
        return path

    def delete(self) -> int:
        """Delete what `load` is past; returns how many facts. Does nothing while the warehouse cannot be reached."""
        if not self._waiting or time.monotonic() < self._retry_at:
            return 0
        loaded = positions.read(self._files, self._settings.checkpoints, positions.LOAD).unread_from
        tables = {kind: open_table(self._settings, KINDS[kind].table) for kind in set(map(_kind, self._waiting))}
        done = 0
        for path, version in list(self._waiting.items()):
            table = tables[_kind(path)]
            self._waiting[path] = limit = table.version() if version is None else version
            if loaded.get(str(table.metadata().id), 0) > limit:
                try:
                    done += self._delete(path)
                except SinkUnavailable as error:
                    self._retry_at = time.monotonic() + RETRY_S
                    log.warning("facts are deleted later: %s", error)
                    break
        return done

    def _delete(self, path: str) -> int:
        content: Any = self._files.read(path)
        events = pa.ipc.open_stream(content).read_all()
        corrections.retract(self._settings, _kind(path), events, int(_name(path).split("-")[1]))
        commit_points.reached("retract.facts_deleted")
        self._files.remove(path)
        del self._waiting[path]
        return int(events.num_rows)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _kind(path: str) -> str:
    return _name(path).split("-")[0]
