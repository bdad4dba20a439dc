"""Reads a source in a thread of its own, so that neither a slow source nor a slow sink holds the other one up."""

from __future__ import annotations

from queue import Empty, Full, Queue
from threading import Event as Flag
from threading import Thread
from typing import Any

from connectors.session import Batch, Source
from connectors.web import Stopped

AHEAD = 8  # batches that are read before the sink has taken them: the back-pressure on the source


class Ended(Exception):
    """The source has no more to give."""


class Reader:
    """Pulls batches from a source. `stop` ends the thread at the next batch."""

    def __init__(self, source: Source, cursor: Any, stop: Flag) -> None:
        self._queue: Queue[Batch | Exception] = Queue(AHEAD)
        self._stop = stop
        self._thread = Thread(target=self._read, args=(source, cursor), name="source", daemon=True)
        self._thread.start()

    def get(self, timeout: float) -> Batch | None:
        """The next batch, None if none came in time; raises Ended, or what the source raised."""
        try:
            item = self._queue.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(item, Exception):
            raise item
        return item

    def _read(self, source: Source, cursor: Any) -> None:
        try:
            for batch in source.batches(cursor):
                if not self._hand_over(batch):
                    return
        except Stopped:
            pass
        except Exception as error:
            self._hand_over(error)
        else:
            self._hand_over(Ended())

    def _hand_over(self, item: Batch | Exception) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.2)
            except Full:
                continue
            return True
        return False
