"""Two jobs on one lake, as real processes: started twice, stopped and woken, killed; nothing is lost or doubled."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from deploy.local import processes, stack
from deploy.local.jars import ROOT
from deploy.local.processes import Process
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir, prepared
from harness.audit.command import audit
from harness.demo import drain, job, sender
from harness.demo import settings as demo_settings
from harness.demo.job import Job
from harness.demo.sender import Sender
from streaming.lease.storage import NAME as LEASE
from tests.patience import patience

log = logging.getLogger(__name__)
pytestmark = pytest.mark.timeout(7200)

TERM_S = 10.0
PATIENCE_S = patience(75)
STOPPED_S = 75.0
SECOND = "second-job"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workdir]:
    made = prepared(str(tmp_path))
    train = [sys.executable, "-m", "model", "train", "--quick", "--workdir", str(made.root)]
    subprocess.run(train, check=True, cwd=ROOT, capture_output=True)
    yield made
    processes.kill(processes.recorded(SECOND, made.run))
    stack.stop_all(made)


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait; returns how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < PATIENCE_S, f"not within {PATIENCE_S:.0f} s: {what}"
        time.sleep(0.1)
    return time.monotonic() - began


def ended(process: Process, codes: list[int | None]) -> bool:
    """Whether the process has ended; adds its exit code, which can be asked for only once, to `codes`."""
    codes.append(process.exit_code())
    return codes[-1] is not None


def token(place: Workdir) -> int:
    """The newest token: the highest number of an owner's file."""
    return max((int(path.stem) for path in (place.lake / LEASE / "owners").glob("[0-9]*.json")), default=0)


def second(place: Workdir, command: Sequence[str], environ: Mapping[str, str]) -> Process:
    status = ("--status-file", str(place.run / "second-status.json"))
    log = place.logs / f"{SECOND}.log"
    return processes.spawn(SECOND, [*command, *status], run=place.run, log=log, environ=environ)


def batches(path: Path) -> int:
    """How many batches ingest has finished by a status file."""
    return int((job.read_status(path).get("hops", {}).get("ingest", {}).get("batch")) or 0)


def test_twin_jobs_lose_and_double_nothing(place: Workdir) -> None:
    options = demo_settings.from_arguments(
        ["--headless", "--workdir", str(place.root), "--rate", "50", "--seed", "1"], os.environ
    )
    services: Stack = stack.start(place, os.environ, options.shards)
    environ = services.environ(os.environ)
    term = ("--lease-seconds", str(TERM_S))
    command = [*job.command(options, services), *term]
    first = Job(options, services, environ, arguments=term)
    sending = Sender(options, services, environ)
    try:
        first.start()
        first.wait_until_ready(lambda: False, lambda _what: None)
        assert first.process is not None

        # Started twice: the second one does not start, and says who is in its way.
        refused = subprocess.run(command, env=dict(environ), cwd=ROOT, capture_output=True, text=True, check=False)
        assert refused.returncode == 5, refused.stderr[-3000:]
        [sentence] = [line for line in refused.stderr.splitlines() if line.startswith("moodstream stream:")]
        assert f"process {first.process.pid} on " in sentence
        assert "stop that job" in sentence

        # Stopped for longer than the term: another one takes over; woken, the first one steps down.
        before = token(place)
        stopped, since = first.process, time.monotonic()
        for member in processes.members(stopped):
            member.suspend()
        other = second(place, command, environ)
        waited = until(lambda: token(place) > before, "the second job takes over")
        until(lambda: batches(place.run / "second-status.json") > 2, "the second job reads the stream")
        time.sleep(max(0.0, since + STOPPED_S - time.monotonic()))
        for member in processes.members(stopped):
            member.resume()
        codes: list[int | None] = []
        woken = until(lambda: ended(stopped, codes), "the first job steps down")
        assert codes[-1] == 5
        assert "took the lake over" in (place.logs / f"{job.NAME}.log").read_text()
        until(lambda: not processes.members(stopped), "its JVM ends")

        # Killed: on the same machine the next one need not wait.
        processes.kill(other)
        third = Job(options, services, environ, arguments=term)
        third.start()
        third.wait_until_ready(lambda: False, lambda _what: None)
    finally:
        sending.stop()
    try:
        assert drain.drain(third, services.postgres, lambda _what: None)
        found = audit(services.workdir, os.environ, lambda _what, _count: None)
    finally:
        third.stop()
    sender.note_drained(place)
    log.info("taken over after %.1f s, stepped down %.1f s after waking", waited, woken)
    assert found["passed"], found
