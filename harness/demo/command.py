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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from deploy.local import pages, stack, workdir
from deploy.local.errors import LocalError, NothingToAuditError, UsageError
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
    screen.progress("starting the emulated AWS and the warehouse")
    services = stack.start(place, environ, options.shards)
    inside = services.environ(environ)
    models.ensure_champion(place, inside, screen.progress)
    lost = sender.resend(services, inside)
    if lost:
        screen.progress(f"put again {lost} records that the emulator had lost")
    job = Job(options, services, inside, module=job_module)
    screen.progress("starting the streaming job")
    job.start()
    found = _pages(options, place, inside)
    try:
        job.wait_until_ready(stopping.is_set, screen.progress)
        stopping.sending = True
        counts = _send(options, job, services, inside, stopping, screen, found)
        complete = drain.drain(job, services.postgres, screen.progress)
    finally:
        job.stop()
    if complete:
        sender.note_drained(place)
    screen.progress("auditing")
    return _report(place, environ, counts, complete, found | job.links())


def _pages(options: DemoSettings, place: Workdir, inside: Mapping[str, str]) -> dict[str, str]:
    """Start the web pages, unless --headless; returns their addresses by name. Spark's comes with the job."""
    if options.headless:
        return {}
    dashboard = pages.start_dashboard(place, inside, options.dashboard_port)
    mlflow = pages.start_mlflow(place, inside, options.mlflow_port)
    return {"dashboard": f"http://127.0.0.1:{dashboard.port}", "mlflow": f"http://127.0.0.1:{mlflow.port}"}


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
    began, since = time.monotonic(), time.time()
    running = Sender(options, services, inside)
    try:
        while not running.ended() and not stopping.is_set():
            job.check()
            seconds = time.monotonic() - began
            screen.show(_snapshot(seconds, running.status(), layers, job, services, {**found, **job.links()}))
            stopping.wait(TICK_S)
    finally:
        running.stop()
    return {**running.status(), "since": since}


def _snapshot(
    seconds: float, sending: dict[str, Any], layers: Layers, job: Job, services: Stack, found: Mapping[str, str]
) -> Snapshot:
    freshness = layers.freshness()
    rows = {
        "sent": sending.get("acked", 0),
        "bronze": layers.bronze(),
        "silver": layers.silver(),
        "rejected": layers.rejected(),
        "gold": freshness.get("total", 0),
        "warehouse": drain.loaded(services.postgres),
    }
    return Snapshot(
        seconds, sending, rows, freshness, layers.sentiment(), job.status().get("hops", {}), found, job.restarts
    )


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
