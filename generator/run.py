"""Runs the generator once: connects a source, a sink, the ledger and the status, and keeps the rate."""

from __future__ import annotations

import math
import os
import sys
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import IO, TYPE_CHECKING

from generator.arguments import DEFAULT_RATE
from generator.changes import Changes
from generator.delivery.pacing import Pacer
from generator.delivery.resend import read_missing, resend
from generator.delivery.sender import Sender
from generator.delivery.sinks import LineSink, Sink
from generator.delivery.status import Counts, StatusWriter
from generator.errors import GeneratorError, UsageError
from generator.events.seed_system import translate
from generator.ledger import Ledger, prune_outbox
from generator.platform.load_curves import load_curve
from generator.platform.running_episodes import RunningEpisodes
from generator.simulation import Simulation
from generator.sources import (
    FileSource,
    SimulatedClock,
    SimulatedSource,
    Source,
    one_record_per_line,
    read_texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from generator.delivery.pacing import LoadCurve
    from generator.settings import Settings

TICK = 0.1  # seconds between two computations of how many records are due
GRACE = 10.0  # seconds for which puts in flight are still retried after the stop signal
TIDY = 60.0  # seconds between two deletions of old bytes from the ledger's outbox
BATCH = 500  # records made at a time


def run_name() -> str:
    """Return a name that no other run has and that sorts by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}"


class Stop(Event):
    """The signal to stop; remembers when it was given."""

    at = math.inf

    def set(self) -> None:
        """Ask the run to stop."""
        self.at = min(self.at, time.monotonic())
        super().set()

    def grace_is_over(self) -> bool:
        """Return whether puts in flight must now be given up."""
        return time.monotonic() > self.at + GRACE


def run(settings: Settings, output: IO[str], stop: Stop) -> Counts:
    """Run until the source ends, the settings' end is reached or `stop` is set; returns the counts.

    Everything that was sent is delivered on return; else PutFailed.
    """
    name = run_name()
    live = settings.target is not None
    counts = Counts(name, settings.rate if live and settings.rate < math.inf else None)
    with ExitStack() as held:
        sink = _sink(settings, output, stop, held)
        status = _status(settings, output)
        status.show(counts.status())
        held.enter_context(_EverySecond(lambda: status.show(counts.status())))
        if settings.resend is not None:
            _resend(settings, settings.resend, sink, name, counts)
        else:
            ledger = _ledger(settings, name, held)
            delivery = Sender(sink, ledger, counts, settings.target.workers if settings.target else 0)
            try:
                _pump(settings, name, delivery, ledger, stop, counts)
            finally:
                delivery.finish()
            if ledger is not None:
                ledger.note("end", sent=counts.sent, acked=counts.acked, time=time.time())
    status.show(counts.status("done"))
    return counts


class _EverySecond:
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
            with suppress(
                GeneratorError, OSError
            ):  # a status that cannot be written must not end the run; the last one raises
                self._show()


def _sink(settings: Settings, output: IO[str], stop: Stop, held: ExitStack) -> Sink:
    if (target := settings.target) is not None:
        from generator.delivery.kinesis import (
            KinesisStream,
            connect,
        )  # imported here, so that writing to a file needs no boto3

        client = connect(target.endpoint_url, target.region, target.anonymous, target.workers)
        return KinesisStream(client, target.name, keep_limits=target.keep_limits, give_up=stop.grace_is_over)
    if settings.out is None:
        return LineSink(output.buffer)  # type: ignore[attr-defined]
    try:
        file = settings.out.open("wb")
    except OSError as error:
        raise UsageError(f"cannot write --out '{settings.out}': {error.strerror}") from error
    held.callback(_close, file)
    return LineSink(file)


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # the sink's flush already raised this error
        file.close()


def _status(settings: Settings, output: IO[str]) -> StatusWriter:
    """Show the status on standard output with Kinesis; else on standard error, if that is a terminal."""
    if settings.target is not None:
        return StatusWriter(settings.status_file, output)
    return StatusWriter(settings.status_file, sys.stderr if sys.stderr.isatty() else None)


def _ledger(settings: Settings, name: str, held: ExitStack) -> Ledger | None:
    if settings.ledger is None:
        return None
    ledger = held.enter_context(Ledger(settings.ledger, name))
    stream = settings.target.name if settings.target else str(settings.out)
    ledger.note("start", seed=settings.seed, time=time.time(), stream=stream)
    return ledger


def _source(settings: Settings, name: str, curve: LoadCurve, began: float) -> Source:
    if settings.input is not None:
        return FileSource(settings.input, translate if settings.from_seed_system else one_record_per_line)
    scenario = settings.scenario
    # A live run seeds its actions with its own name, so that no other run repeats its event ids.
    acts = name if settings.start is None else f"{settings.start:.6f}"
    platform = Simulation(
        settings.seed,
        acts,
        scenario.users,
        scenario.dirt,
        RunningEpisodes(scenario.episodes, began),
        read_texts(settings.texts) if settings.texts else (),
    )
    simulation = Changes(platform, f"{settings.seed}/{acts}/changes", settings.deletions, settings.edits)
    if settings.start is None:
        return SimulatedSource(simulation, time.time)
    rate = settings.rate if settings.rate < math.inf else DEFAULT_RATE
    simulated = math.inf if settings.duration is None else settings.duration
    return SimulatedSource(simulation, SimulatedClock(settings.start, rate, curve), settings.start + simulated)


def _pump(settings: Settings, name: str, delivery: Sender, ledger: Ledger | None, stop: Stop, counts: Counts) -> None:
    """Move records from the source to the delivery at the rate asked for, until one of them ends."""
    began = settings.start or time.time()
    curve = load_curve(settings.scenario.load_curve, settings.scenario.episodes, began)
    source = _source(settings, name, curve, began)
    if ledger is not None:
        for episode in settings.scenario.episodes:
            ledger.note("episode", **episode.note(began))
    counts.begin()
    pace = _Pace(settings, curve)
    tidied = time.monotonic()
    while not stop.is_set() and (due := pace.due(counts.sent)) is not None:
        if settings.ledger is not None and time.monotonic() - tidied > TIDY:
            tidied = time.monotonic()
            prune_outbox(settings.ledger, settings.keep_outbox)
        if due > 0:
            records = source.take(min(due, BATCH))
            if not records:
                return
            delivery.send(records)
            pace.took(len(records))
        if due <= BATCH and pace.held:
            stop.wait(TICK)


class _Pace:
    """How many records may be sent now: None when the run's end is reached. `held`: at a rate."""

    def __init__(self, settings: Settings, curve: LoadCurve) -> None:
        live = settings.target is not None
        self.held = live and settings.rate < math.inf
        self._pacer = Pacer(settings.rate, curve) if self.held else None
        self._limit = math.inf if settings.events is None else settings.events
        self._until = math.inf
        self._began = time.monotonic()
        if settings.duration is not None and (live or settings.input is not None):
            self._until = settings.duration  # otherwise the source's time ends the run

    def due(self, sent: int) -> int | None:
        """Records due, of which any number may be sent; the last ones of a duration are not lost."""
        seconds = time.monotonic() - self._began
        due = self._pacer.due(min(seconds, self._until)) if self._pacer else BATCH
        left = self._limit - sent
        if left <= 0 or (seconds >= self._until and (due == 0 or self._pacer is None)):
            return None
        return int(min(due, left))

    def took(self, records: int) -> None:
        """Note that records were sent."""
        if self._pacer is not None:
            self._pacer.took(records)


def _resend(settings: Settings, wanted: Path, sink: Sink, name: str, counts: Counts) -> None:
    if settings.ledger is None:
        raise UsageError("--resend needs --ledger DIR")
    missing = read_missing(wanted)
    gone = resend(settings.ledger, missing, sink, name, counts)
    sink.close()
    if gone:
        sys.stderr.write(
            f"moodstream generate: {gone} of {len(missing)} records cannot be put again: their bytes are deleted\n"
        )
