"""Sends records: intent into the ledger, put, acknowledgement into the ledger."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from generator.ledger import Put

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.delivery.sinks import Sink
    from generator.delivery.status import Counts
    from generator.events.records import Record
    from generator.ledger import Ledger


class _Report:
    """Counts one batch's failures and writes its unknown outcomes into the ledger."""

    def __init__(self, numbers: Sequence[int], ledger: Ledger | None, counts: Counts) -> None:
        self._numbers, self._ledger, self._counts = numbers, ledger, counts

    def failed(self, count: int, throttled: int) -> None:
        self._counts.add(retried=count, throttled=throttled)

    def unknown(self, indexes: Sequence[int]) -> None:
        if self._ledger is not None:
            self._ledger.unknown([self._numbers[i] for i in indexes])


class Sender:
    """Delivers records through a sink.

    `workers` puts run at a time; `send` blocks when all are busy, which slows the source down. With
    0 workers everything happens in the caller's thread and in order.
    An error of a put is raised by the next `send` or by `finish`; its records stay unacknowledged.
    """

    def __init__(self, sink: Sink, ledger: Ledger | None, counts: Counts, workers: int = 0) -> None:
        self._sink, self._ledger, self._counts = sink, ledger, counts
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, "put") if workers else None
        self._running: set[Future[None]] = set()

    def send(self, records: Sequence[Record]) -> None:
        """Start to deliver records; returns when each has a worker (with 0 workers: when all are delivered)."""
        self._counts.send(records)
        numbers: Sequence[int] = range(len(records))
        if self._ledger is not None:
            numbers = self._ledger.intend(records)
        numbers, records = self._sendable(numbers, records)
        for first, after in self._sink.batches(records):
            batch = (numbers[first:after], records[first:after])
            if self._pool is None:
                self._deliver(*batch)
                continue
            self._wait_until(self._workers - 1)
            self._running.add(self._pool.submit(self._deliver, *batch))

    def finish(self) -> None:
        """Wait until everything is delivered, then close the sink."""
        try:
            self._wait_until(0)
        finally:
            if self._pool is not None:
                self._pool.shutdown(wait=True)
            self._sink.close()

    def _wait_until(self, running: int) -> None:
        """Wait until at most this many puts run; raises what one of them raised."""
        while len(self._running) > running or any(f.done() for f in self._running):
            done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()

    def _sendable(self, numbers: Sequence[int], records: Sequence[Record]) -> tuple[Sequence[int], Sequence[Record]]:
        """Leave out the records that the sink refuses, and write them into the ledger as unsendable."""
        refused = {i: why for i, record in enumerate(records) if (why := self._sink.refuses(record))}
        if not refused:
            return numbers, records
        for index, why in refused.items():
            if self._ledger is not None:
                self._ledger.unsendable(numbers[index], why)
        self._counts.add(unsendable=len(refused))
        kept = [i for i in range(len(records)) if i not in refused]
        return [numbers[i] for i in kept], [records[i] for i in kept]

    def _deliver(self, numbers: Sequence[int], records: Sequence[Record]) -> None:
        placed = self._sink.put(records, _Report(numbers, self._ledger, self._counts))
        if self._ledger is not None:
            self._ledger.acknowledge([Put(numbers[p.place], *p[1:]) for p in placed])
        self._counts.add(acked=len(placed))
