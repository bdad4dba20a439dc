"""One run: wires a source, a sink, the ledger and the status together, and keeps the pace."""

from __future__ import annotations

import math
import os
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from threading import Event, Thread
from typing import IO, TYPE_CHECKING

from generator.delivery import Delivery
from generator.errors import UsageError
from generator.ledger import Ledger, prune_outbox
from generator.pacing import Pacer, steady
from generator.resend import read_missing, resend
from generator.sinks import LineSink, Sink
from generator.sources import Generated, Recorded, Source, VirtualClock
from generator.status import Counts, StatusWriter
from generator.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from generator.settings import Settings

TICK = 0.1  # seconds between looks at what is due
GRACE = 10.0  # seconds that puts in flight are retried after the order to stop
BATCH = 500  # records made at a time


def run_name() -> str:
    """Return a name that no other run has and that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}"


class Stop(Event):
    """The order to stop, which remembers when it was given."""

    at = math.inf

    def set(self) -> None:
        """Give the order."""
        self.at = min(self.at, time.monotonic())
        super().set()

    def patience_is_over(self) -> bool:
        """Whether puts in flight had their time after the order."""
        return time.monotonic() > self.at + GRACE


def run(settings: Settings, output: IO[str], stop: Stop) -> Counts:
    """Run until the source ends, the settings' end is reached or `stop` is set; returns the counts.

    Everything that was sent is delivered on return; else PutFailed.
    """
    name = run_name()
    counts = Counts(name, settings.rate if settings.stream and settings.rate < math.inf else None)
    with ExitStack() as held:
        sink = _sink(settings, output, stop, held)
        status = _status(settings, output)
        held.enter_context(_Ticker(lambda: status.show(counts.status())))
        if settings.resend is not None:
            _resend(settings, sink, name, counts)
        else:
            ledger = _ledger(settings, name, held)
            delivery = Delivery(sink, ledger, counts, settings.workers if settings.stream else 0)
            try:
                _pump(_source(settings, name), delivery, settings, stop, counts)
            finally:
                delivery.finish()
            if ledger is not None:
                ledger.note("end", sent=counts.sent, acked=counts.acked)
    status.show(counts.status("done"))
    return counts


class _Ticker:
    """Calls something every second in a thread of its own, so that a slow put does not silence it."""

    def __init__(self, show: Callable[[], None]) -> None:
        self._show = show
        self._over = Event()
        self._thread = Thread(target=self._tick, name="status", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def _tick(self) -> None:
        while not self._over.wait(1.0):
            self._show()


def _sink(settings: Settings, output: IO[str], stop: Stop, held: ExitStack) -> Sink:
    if settings.stream is not None:
        from generator.kinesis import KinesisStream, connect  # only here is an SDK needed

        client = connect(settings.endpoint_url, settings.region, settings.anonymous, settings.workers)
        return KinesisStream(
            client,
            settings.stream,
            keep_limits=settings.shard_limits,
            give_up=stop.patience_is_over,
        )
    if settings.out is None:
        return LineSink(output.buffer if hasattr(output, "buffer") else sys.stdout.buffer)
    try:
        return LineSink(held.enter_context(settings.out.open("wb")))
    except OSError as error:
        raise UsageError(f"cannot write --out '{settings.out}': {error.strerror}") from error


def _status(settings: Settings, output: IO[str]) -> StatusWriter:
    """With Kinesis on standard output; beside a file on standard error, where a terminal is."""
    if settings.stream is not None:
        return StatusWriter(settings.status_file, output)
    return StatusWriter(settings.status_file, sys.stderr if sys.stderr.isatty() else None)


def _ledger(settings: Settings, name: str, held: ExitStack) -> Ledger | None:
    if settings.ledger is None:
        return None
    ledger = held.enter_context(Ledger(settings.ledger, name))
    ledger.note("start", seed=settings.seed, time=time.time(), stream=settings.stream)
    return ledger


def _source(settings: Settings, name: str) -> Source:
    if settings.input is not None:
        return Recorded(settings.input)
    # A live run names its acts after itself, so that the next one does not repeat its event ids.
    acts = name if settings.start is None else f"{settings.start:.6f}"
    stream = Stream(settings.seed, acts, settings.users, settings.dirt)
    if settings.start is None:
        return Generated(stream, time.time)
    rate = settings.rate if settings.rate < math.inf else 100.0
    return Generated(stream, VirtualClock(settings.start, rate, steady))


def _pump(source: Source, delivery: Delivery, settings: Settings, stop: Stop, counts: Counts) -> None:
    """Move records from the source to the delivery at the rate asked for, until one of them ends."""
    paced = settings.rate < math.inf and settings.stream is not None
    pacer = Pacer(settings.rate) if paced else None
    limit = _limit(settings)
    counts.begin()
    began = pruned = time.monotonic()
    while not stop.is_set() and counts.sent < limit:
        now = time.monotonic()
        if settings.stream is not None and settings.duration is not None and now - began >= settings.duration:
            return
        if settings.ledger is not None and now - pruned > 60:
            pruned = now
            prune_outbox(settings.ledger, settings.keep_outbox)
        due = pacer.due(now - began) if pacer else BATCH
        count = int(min(due, BATCH, limit - counts.sent))
        if count == 0:
            stop.wait(TICK)
            continue
        records = source.take(count)
        if not records:
            return
        delivery.send(records)
        if pacer:
            pacer.took(len(records))
            if due <= BATCH:
                stop.wait(TICK)


def _limit(settings: Settings) -> float:
    """How many records at most; to a file, a duration is a number of records."""
    limit = math.inf if settings.events is None else settings.events
    if settings.stream is None and settings.input is None and settings.duration is not None:
        rate = settings.rate if settings.rate < math.inf else 100.0
        limit = min(limit, math.ceil(settings.duration * rate))
    return limit


def _resend(settings: Settings, sink: Sink, name: str, counts: Counts) -> None:
    if settings.resend is None or settings.ledger is None:
        raise UsageError("--resend needs --ledger DIR")
    missing = read_missing(settings.resend)
    gone = resend(settings.ledger, missing, sink, name, counts)
    if gone:
        sys.stderr.write(f"moodstream generate: {gone} of {len(missing)} are no longer in the outbox\n")
