"""Delivers events: drops repeats, keeps the pace, puts, then moves the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from connectors.counts import Counts
from connectors.cursors import Cursor
from connectors.event import Event
from connectors.identifiers import Recent
from connectors.ledger import Ledger
from connectors.session import Batch
from connectors.sinks import Sink

BATCH = 500  # events that one put takes
LINGER_S = 0.5  # seconds that an event waits for others


class Delivery:
    """Takes batches from a source until `limit` events were delivered.

    Guarantee: the cursor never lies behind an event that was not acknowledged, so a crash loses nothing. What a source
    repeats while it is remembered (half a million events) is delivered once.
    """

    def __init__(
        self,
        sink: Sink,
        cursor: Cursor,
        counts: Counts,
        *,
        ledger: Ledger | None = None,
        rate: float | None = None,
        limit: int | None = None,
        wait: Callable[[float], bool],
    ) -> None:
        """`wait(seconds)`: waits, and returns True if the order to stop came."""
        self._sink, self._cursor, self._counts, self._ledger = sink, cursor, counts, ledger
        self._rate, self._limit, self._wait = rate, limit, wait
        self._recent = Recent()
        for event_id in sink.remembered():
            self._recent.add(event_id)
        self._waiting: list[Event] = []
        self._since = 0.0  # when the first of them came
        self._position: Any = None  # of everything that was taken
        self._saved = time.monotonic()
        self._due = time.monotonic()  # when the next event may be sent, at a rate
        self._taken = 0

    @property
    def full(self) -> bool:
        """Whether as many events as were asked for have been taken."""
        return self._limit is not None and self._taken >= self._limit

    def take(self, batch: Batch) -> None:
        """Take charge of a batch; it is delivered by this call or by a later one."""
        self._counts.take(batch)
        fresh = [event for event in batch.events if self._recent.add(event.event_id)]
        self._counts.repeated(len(batch.events) - len(fresh))
        wanted = fresh if self._limit is None else fresh[: self._limit - self._taken]
        for part in self._parts(wanted):
            if self._rate is not None and self._held_back(len(part)):
                return self.flush()  # told to stop: the rest of the batch is read again
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting += part
            self._taken += len(part)
            if len(self._waiting) >= BATCH:
                self.flush()
        if len(wanted) == len(fresh) and batch.cursor is not None:
            self._position = batch.cursor
        return self.flush_if_due()

    def flush_if_due(self) -> None:
        """Flush if nothing waits, if something has waited long enough, or if this was the last event."""
        if not self._waiting or time.monotonic() - self._since >= LINGER_S or self.full:
            self.flush()

    def flush(self, *, last: bool = False) -> None:
        """Put what waits, then save the cursor if it is time to (always when `last`)."""
        if self._waiting:
            self._put(self._waiting)
            self._waiting = []
        self._counts.cursor = self._position
        if last or time.monotonic() - self._saved >= self._cursor.pause_s:
            self._saved = time.monotonic()
            self._cursor.save(self._position)

    def _put(self, events: Sequence[Event]) -> None:
        self._counts.send(events)
        first = self._ledger.intend(events) if self._ledger else 0
        placed = self._sink.put(events, _Report(first, self._ledger, self._counts))
        if self._ledger:
            self._ledger.acknowledge(first, placed)
        self._counts.add(acked=len(placed))

    def _parts(self, events: list[Event]) -> list[list[Event]]:
        """Pieces that are sent together: a put's worth, at a low rate half a second's worth."""
        size = BATCH if self._rate is None else min(BATCH, max(1, int(self._rate / 2)))
        return [events[first : first + size] for first in range(0, len(events), size)]

    def _held_back(self, events: int) -> bool:
        """Wait until so many events are due; returns True if the order to stop came."""
        now = time.monotonic()
        wait = self._due - now
        self._due = max(self._due, now) + events / (self._rate or 1.0)
        if wait <= 0:
            return False
        if self._waiting and wait > LINGER_S:
            self._put(self._waiting)  # the cursor stays: the batch is only half taken
            self._waiting = []
        return self._wait(wait)


class _Report:
    """Passes on what happens to one put."""

    def __init__(self, first: int, ledger: Ledger | None, counts: Counts) -> None:
        self._first, self._ledger, self._counts = first, ledger, counts

    def failed(self, count: int, throttled: int) -> None:
        self._counts.add(retried=count, throttled=throttled)

    def unknown(self, places: Sequence[int]) -> None:
        if self._ledger is not None:
            self._ledger.unknown(self._first, places)
