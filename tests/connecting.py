"""Reads a source against its simulator, and compares what came out with the simulator's ledger."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from connectors.counts import Counts
from connectors.cursors import Cursor
from connectors.delivery import Delivery
from connectors.event import Event
from connectors.session import Session, Source
from connectors.sinks import Placed, PutReport
from tests.patience import patience


class ListSink:
    """Keeps what was put."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        self.events: list[Event] = []
        self._ids = ids

    def put(self, events: Sequence[Event], report: PutReport) -> list[Placed]:
        self.events += events
        return [Placed(place, "list", str(place), time.time()) for place in range(len(events))]

    def remembered(self) -> Sequence[str]:
        return self._ids

    def close(self) -> None:
        pass


class MemoryPlace:
    """A cursor's place in memory."""

    pause_s = 0.0

    def __init__(self) -> None:
        self.document: bytes | None = None

    def read(self) -> bytes | None:
        return self.document

    def write(self, document: bytes) -> None:
        self.document = document


class Read(NamedTuple):
    """What came out of a source."""

    events: list[dict[str, Any]]
    counts: dict[str, Any]
    said: list[str]

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The payloads of one type."""
        return [event["payload"] for event in self.events if event["event_type"] == event_type]


def a_session() -> tuple[Session, list[str]]:
    """A session, and the lines that it is told."""
    said: list[str] = []
    return Session(tell=said.append), said


def read(
    source: Source,
    session: Session,
    said: list[str],
    *,
    expected: int,
    place: MemoryPlace | None = None,
    limit: int | None = None,
    quiet: int = 1,
) -> Read:
    """Deliver until `expected` events came and then `quiet` batches brought nothing, or until the source ends."""
    counts, sink = Counts(source.name, None, session.troubles), ListSink()
    cursor = Cursor(place or MemoryPlace(), source.name)
    delivery = Delivery(sink, cursor, counts, limit=limit, wait=session.wait)
    end, silent = time.monotonic() + patience(60), 0
    for batch in source.batches(cursor.load()):
        delivery.take(batch)
        silent = 0 if batch.received else silent + 1
        enough = len(sink.events) >= expected and silent >= quiet
        if enough or delivery.full or time.monotonic() > end:
            break
    session.stop.set()
    delivery.flush(last=True)
    return Read([json.loads(event.data) for event in sink.events], counts.status("done"), said)


def told(event: dict[str, Any]) -> tuple[str, str, str | None]:
    """What identifies an event in a simulator's ledger: its type, its time, and who did it (None for a deletion)."""
    payload = event["payload"]
    return event["event_type"], event["event_time"], payload.get("user_id") or payload.get("user1_id")


class Difference(NamedTuple):
    """What a ledger and the events that came out do not have in common."""

    lost: int
    doubled: int
    foreign: int


def compare(events: Sequence[dict[str, Any]], promised: Counter[Any]) -> Difference:
    """Lost: promised but missing. Doubled: an event id again. Foreign: never promised."""
    got = {told(event) for event in events}
    return Difference(
        sum(count for promise, count in promised.items() if tuple(promise) not in got),
        len(events) - len({event["event_id"] for event in events}),
        sum(1 for each in got if each not in {tuple(promise) for promise in promised}),
    )
