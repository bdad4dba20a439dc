"""One run: wires source, sink, cursor and counts together, until something ends it."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, suppress
from typing import IO, TYPE_CHECKING, Any

from connectors.aws import client
from connectors.counts import Counts, sentence, write_status
from connectors.cursors import Cursor, place_of
from connectors.delivery import Delivery
from connectors.errors import ConnectorError
from connectors.ledger import Ledger
from connectors.metrics import Metrics
from connectors.reader import Ended, Reader
from connectors.session import Session
from connectors.sinks.kinesis import KinesisSink
from connectors.sinks.lines import LineSink, opened
from connectors.sources.choice import source_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.settings import Settings
    from connectors.sinks import Sink

TICK_S = 0.2
GRACE_S = 10.0  # seconds that a put is retried after the order to stop


class Stop:
    """The order to stop, and when it was given."""

    def __init__(self, session: Session) -> None:
        self._flag = session.stop
        self._at: float | None = None

    def order(self) -> None:
        """Give the order."""
        self._at = self._at or time.monotonic()
        self._flag.set()

    def is_set(self) -> bool:
        """Whether the order was given."""
        return self._flag.is_set()

    def patience_is_over(self) -> bool:
        """Whether a put had its time after the order."""
        return self._at is not None and time.monotonic() > self._at + GRACE_S


def run(
    settings: Settings, environ: Mapping[str, str], session: Session, stop: Stop, output: IO[bytes]
) -> dict[str, Any]:
    """Run until the source ends, a limit is reached or `stop` is given; returns the counts.

    Everything that was taken is delivered on return; raises ConnectorError otherwise.
    """
    source = source_of(settings, session)
    counts = Counts(settings.source, settings.rate, session.troubles)
    cursor = Cursor(place_of(settings.cursor, environ), settings.source)
    position = counts.cursor = cursor.load()
    with ExitStack() as held:
        sink = _sink(settings, environ, stop, output)
        held.callback(sink.close)
        ledger = Ledger(settings.ledger) if settings.ledger else None
        if ledger:
            held.callback(ledger.close)
            ledger.note("start", source=settings.source, time=time.time(), stream=settings.stream or str(settings.out))
        delivery = Delivery(
            sink, cursor, counts, ledger=ledger, rate=settings.rate, limit=settings.limit, wait=session.wait
        )
        if settings.metrics_namespace:
            cloudwatch = client("cloudwatch", environ, region=settings.region)
            held.callback(Metrics(cloudwatch, settings.metrics_namespace, settings.source, counts, session.tell).close)
        shown = _Shown(settings, counts)
        try:
            _pump(settings, Reader(source, position, session.stop), delivery, stop, shown)
        finally:
            session.stop.set()  # ends the reader's thread
        if ledger:
            ledger.note("end", sent=counts.sent, acked=counts.acked, time=time.time())
        return shown.last()


def _pump(settings: Settings, reader: Reader, delivery: Delivery, stop: Stop, shown: _Shown) -> None:
    """Move batches from the reader to the delivery; what was taken is delivered even if the source fails."""
    until = None if settings.seconds is None else time.monotonic() + settings.seconds
    try:
        while not stop.is_set() and not delivery.full and (until is None or time.monotonic() < until):
            wait = TICK_S if until is None else max(0.0, min(TICK_S, until - time.monotonic()))
            batch = reader.get(wait)
            if batch is not None:
                delivery.take(batch)
            else:
                delivery.flush_if_due()
            shown.tick()
    except Ended:
        pass
    except ConnectorError:
        with suppress(ConnectorError):  # the first error says more
            delivery.flush(last=True)
        raise
    delivery.flush(last=True)


class _Shown:
    """Shows the counts once a second: in a file, and on a terminal in one line that is rewritten."""

    def __init__(self, settings: Settings, counts: Counts) -> None:
        self._file, self._counts = settings.status_file, counts
        self._terminal = sys.stderr if sys.stderr.isatty() else None
        self._next = time.monotonic()
        self.tick()

    def tick(self) -> None:
        """Show the counts if a second has passed."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + 1.0
            self._show(self._counts.status())

    def last(self) -> dict[str, Any]:
        """Show the final counts and return them."""
        status = self._counts.status("done")
        self._show(status)
        if self._terminal:
            self._terminal.write("\n")
        return status

    def _show(self, status: dict[str, Any]) -> None:
        if self._file is not None:
            write_status(self._file, status)
        if self._terminal is not None:
            self._terminal.write(f"\r\033[K{sentence(status)}")
            self._terminal.flush()


def _sink(settings: Settings, environ: Mapping[str, str], stop: Stop, output: IO[bytes]) -> Sink:
    if settings.stream is not None:
        kinesis = client("kinesis", environ, settings.kinesis_endpoint, settings.region)
        sink = KinesisSink(kinesis, settings.stream, give_up=stop.patience_is_over)
        sink.check()
        return sink
    if settings.out is not None:
        return opened(settings.out, continued=settings.cursor is not None)
    return LineSink(output)
