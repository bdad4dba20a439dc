"""`moodstream demo`: the whole system on this machine, live, until Ctrl-C, --seconds or the end of --input.

Whatever ends it: the generator stops first, then every layer drains, the job ends between two batches, and an audit
checks that nothing was lost. The working directory keeps everything: the next demo continues it, even after `kill -9`.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from deploy.local import pages, stack, workdir
from deploy.local.errors import LocalError, NothingToAuditError, UsageError
from deploy.local.processes import Process
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir
from harness.audit import report as audit_report
from harness.audit.command import audit
from harness.demo import (
    drain,
    models,
    sender,
    settings,
)
from harness.demo.counts import Layers
from harness.demo.job import Job
from harness.demo.screen import Screen, Snapshot
from harness.demo.sender import Sender
from harness.demo.settings import DemoSettings

TICK_S = 1.0
# A shorter run ends before the thorough training beside it would.
IMPROVED_FROM_S = 300.0

StartPage = Callable[[Workdir, Mapping[str, str], int | None], Process]


def main(argv: Sequence[str], environ: Mapping[str, str], job_module: str = "streaming") -> int:
    """Run the demo; returns 0 if the audit passed, else 1. Raises LocalError.

    `job_module`: what `python -m` runs as the streaming job.
    """
    options = settings.from_arguments(argv, environ)
    if options.stop:
        return _stop(workdir.existing(options.workdir))
    place = workdir.prepared(options.workdir)
    with workdir.held(place), _interruptible() as stopping:
        return _run(options, place, environ, stopping, job_module)


def _stop(place: Workdir) -> int:
    owner = workdir.is_held(place)
    if owner:
        raise UsageError(f"--stop: demo {owner} is running; end it with Ctrl-C or `kill {owner}`, so that it drains")
    stopped = stack.stop_all(place)
    sys.stdout.write(f"stopped {', '.join(stopped)}\n" if stopped else "nothing was running\n")
    return 0


class Stopping(threading.Event):
    """Set by Ctrl-C or SIGTERM. While `sending`, the demo then drains and audits; otherwise it ends at once."""

    sending = False


@contextmanager
def _interruptible() -> Iterator[Stopping]:
    """Yield the event that Ctrl-C and SIGTERM set. A second signal, or one before anything is sent, ends at once."""
    stopping = Stopping()

    def order(_number: int, _frame: Any) -> None:
        if stopping.is_set() or not stopping.sending:
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.signal(number, order) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    except KeyboardInterrupt:
        raise LocalError("interrupted; the next demo in this working directory continues from here") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run(options: DemoSettings, place: Workdir, environ: Mapping[str, str], stopping: Stopping, job_module: str) -> int:
    with Screen(options) as screen:
        try:
            report = _demo(options, place, environ, stopping, screen, job_module)
        finally:
            screen.progress("stopping the services")
            stack.stop_all(place)
    if report is None:
        return 0
    if options.json:
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        screen.final(audit_report.table(report["audit"]))
    return 0 if report["audit"]["passed"] and report["drained"] else 1


def _demo(
    options: DemoSettings,
    place: Workdir,
    environ: Mapping[str, str],
    stopping: Stopping,
    screen: Screen,
    job_module: str,
) -> dict[str, Any] | None:
    """One demo from start to audit; None if it was stopped before the first record."""
    screen.progress("starting the emulated AWS and the warehouse: a few seconds")
    services = stack.start(place, environ, options.shards)
    inside = services.environ(environ)
    job = Job(options, services, inside, module=job_module)
    improvement = models.Improvement(place, inside)
    with Pages(options, place, inside, screen.progress) as opened:
        try:
            models.ensure_champion(place, inside, screen.progress)
            opened.start_mlflow()
            lost = sender.resend(services, inside)
            if lost:
                screen.progress(f"put again {lost} records that the emulator had lost")
            screen.progress("starting the streaming job: half a minute to a minute")
            job.start()
            job.wait_until_ready(stopping.is_set, screen.progress)
            for name, url in job.links().items():
                screen.progress(f"{name}: {url}")
            if not options.headless and (options.seconds is None or options.seconds >= IMPROVED_FROM_S):
                improvement.start()
            stopping.sending = True
            counts = _send(options, job, services, inside, stopping, screen, opened.links)
            improvement.stop()
            complete = drain.drain(job, services.postgres, screen.progress)
        finally:
            improvement.stop()
            job.stop()
    if complete:
        sender.note_drained(place)
    screen.progress("auditing")
    return _report(place, environ, counts, complete, opened.links | job.links())


class Pages:
    """The demo's web pages, started beside everything else. A page that does not start is reported, and stops nothing.

    `links`: address by name, as soon as a page answers.
    """

    def __init__(
        self, options: DemoSettings, place: Workdir, inside: Mapping[str, str], progress: Callable[[str], None]
    ) -> None:
        self.links: dict[str, str] = {}
        self._options, self._place, self._inside, self._progress = options, place, inside, progress
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="pages")

    def __enter__(self) -> Pages:
        if not self._options.headless:
            self._threads.submit(self._open, "dashboard", pages.start_dashboard, self._options.dashboard_port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)

    def start_mlflow(self) -> None:
        """Start MLflow's page; its database must be there, since two programs cannot create it at once."""
        if not self._options.headless:
            self._threads.submit(self._open, "mlflow", pages.start_mlflow, self._options.mlflow_port)

    def _open(self, name: str, start: StartPage, port: int | None) -> None:
        try:
            page = start(self._place, self._inside, port)
        except LocalError as error:
            self._progress(f"no {name} page: {error}")
            return
        self.links[name] = f"http://127.0.0.1:{page.port}"
        self._progress(f"{name}: {self.links[name]}")


def _send(
    options: DemoSettings,
    job: Job,
    services: Stack,
    inside: Mapping[str, str],
    stopping: Stopping,
    screen: Screen,
    found: Mapping[str, str],
) -> dict[str, Any]:
    """Run the generator until it ends or `stopping` is set, and show what arrives; returns its last counts."""
    layers = Layers(services.workdir)
    # Of a directory that was used before, the display shows this run's rows, as it shows this run's records.
    before = drain.rows(layers, services.postgres)
    began, since = time.monotonic(), time.time()
    running = Sender(options, services, inside)
    try:
        while not running.ended() and not stopping.is_set():
            job.check()
            seconds = time.monotonic() - began
            own = {layer: max(0, rows - before[layer]) for layer, rows in drain.rows(layers, services.postgres).items()}
            screen.show(_snapshot(seconds, running.status(), own, layers, job, {**found, **job.links()}))
            stopping.wait(TICK_S)
    finally:
        running.stop()
    return {**running.status(), "since": since}


def _snapshot(
    seconds: float,
    sending: dict[str, Any],
    rows: Mapping[str, int],
    layers: Layers,
    job: Job,
    found: Mapping[str, str],
) -> Snapshot:
    sent = {"sent": sending.get("acked", 0)}
    hops = job.status().get("hops", {})
    freshness, sentiment = layers.freshness(), layers.sentiment()
    return Snapshot(seconds, sending, {**sent, **rows}, freshness, sentiment, hops, found, job.restarts)


def _report(
    place: Workdir, environ: Mapping[str, str], counts: Mapping[str, Any], complete: bool, found: Mapping[str, str]
) -> dict[str, Any] | None:
    try:
        report = audit(place, environ, lambda _what, _count: None, counts["since"])
    except NothingToAuditError:
        return None  # stopped before the first record
    sent, seconds = counts.get("sent", 0), counts.get("seconds", 0.0)
    return {
        "events_sent": sent,
        "events_per_second": round(sent / seconds, 1) if seconds else 0.0,
        "seconds": seconds,
        "workdir": str(place.root),
        "links": dict(found),
        "drained": complete,
        "audit": report,
    }
