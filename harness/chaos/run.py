"""One chaos run: the job under load, kills at commit points, faults of what it depends on, and an audit at the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any

from deploy.local import processes, stack
from deploy.local.errors import ServiceError
from deploy.local.stack import Stack
from deploy.local.workdir import Workdir
from harness.audit.command import audit
from harness.chaos import clock
from harness.chaos.faults import (
    CLOCK_BACK,
    FAULTS,
    Broken,
    batches,
)
from harness.chaos.lake import Lake
from harness.chaos.proxy import Proxy
from harness.demo import drain, models, sender
from harness.demo.job import Job
from harness.demo.sender import Sender
from harness.demo.settings import DemoSettings
from streaming.commit_points import ONLY_WITH_BAD_ROWS, POINTS

RANDOM = "random moment"
# From readiness on: the job is killed even if it has not reached the point by then.
REACHED_WITHIN_S = 60.0
READY_WITHIN_S = 240.0
MAX_HITS = 4
RECOVERED_WITHIN_S = 240.0
POLL_S = 0.1
# `observe` and `retract` run every few seconds: their commit points are reached as soon as those of the other hops.
QUICK: Mapping[str, str] = {"MOODSTREAM_OBSERVE_INTERVAL": "3", "MOODSTREAM_RETRACT_INTERVAL": "3"}
LAYERS = ("bronze", "silver", "warehouse")
# Hops without a Spark query: they may have no work for a while.
LOOPS = ("upsert", "serve", "retract", "observe", "watch")


@dataclass(frozen=True)
class Kill:
    """One kill: at the `after`-th time that the job reaches `point`, or (RANDOM) `after` seconds after readiness."""

    point: str
    after: float


def planned(kills: int, seed: int) -> Iterator[Kill]:
    """Yield `kills` kills: every commit point in turn, then a random moment, then the points again."""
    chance = random.Random(seed)
    for point in islice(cycle((*(each for each in POINTS if each not in ONLY_WITH_BAD_ROWS), RANDOM)), kills):
        yield Kill(point, chance.uniform(0, 8) if point == RANDOM else chance.randint(1, MAX_HITS))


class ChaosRun:
    """One chaos run in one working directory."""

    def __init__(
        self,
        options: DemoSettings,
        place: Workdir,
        lake: Lake,
        environ: Mapping[str, str],
        progress: Callable[[str], None],
    ) -> None:
        self._options = options
        self._place = place
        self._lake = lake
        self._environ = environ
        self._progress = progress
        self._audit: dict[str, Any] = {}

    def run(self, kills: int, faults: tuple[str, ...], seed: int) -> dict[str, Any]:
        """Kill, then break, then drain and audit; returns the object that `moodstream chaos --json` prints."""
        self._lake.fetch(self._environ)
        own_clock = clock.environ(self._place) if CLOCK_BACK in faults else {}
        services = stack.start(self._place, self._environ, self._options.shards)
        services = replace(services, workdir=self._lake.for_audit(self._place))
        inside = services.environ(self._environ)
        models.ensure_champion(self._place, inside, self._progress)
        models.ensure_challenger(self._place)
        with Proxy(services.aws.endpoint) as proxy:
            # The generator sends to the emulator directly: only the job meets the faults of the proxy.
            through_proxy = replace(
                services, aws=replace(services.aws, process=replace(services.aws.process, port=proxy.port))
            )
            job_environ = {**through_proxy.environ(self._environ), **self._lake.environ(through_proxy), **QUICK}
            with self._load(services, inside):
                found = [self._kill(kill, through_proxy, job_environ) for kill in planned(kills, seed)]
                job = self._started(through_proxy, job_environ)
            try:
                drained = self._settled(job, services)
                # clock_back comes last: its preloaded library slows the job down, and would change the other results.
                for name in sorted(faults, key=CLOCK_BACK.__eq__):
                    with self._load(services, inside):
                        if name == CLOCK_BACK:
                            job.stop()
                            job = self._started(through_proxy, {**job_environ, **own_clock})
                        fault = self._break(name, Broken(services, proxy, job, self._environ))
                    before = self._audit
                    drained = self._settled(job, services) and drained
                    found.append({**fault, **_since(before, self._audit)})
            finally:
                job.stop()
                clock.tidy()
        sender.note_drained(self._place)
        return {"kills": kills, "faults": found, "drained": drained, "audit": self._audit}

    @contextmanager
    def _load(self, services: Stack, inside: Mapping[str, str]) -> Iterator[None]:
        sending = Sender(self._options, services, inside)
        try:
            yield
        finally:
            sending.stop()

    def _settled(self, job: Job, services: Stack) -> bool:
        """Drain all layers and audit them; returns whether everything arrived."""
        drained = drain.drain(job, services.postgres, self._progress)
        self._audit = audit(services.workdir, self._environ, lambda _what, _count: None)
        return drained

    def _started(self, services: Stack, environ: Mapping[str, str]) -> Job:
        job = self._job(services, environ)
        job.start()
        job.wait_until_ready(lambda: False, self._progress)
        return job

    def _job(self, services: Stack, environ: Mapping[str, str], module: str = "streaming") -> Job:
        return Job(self._options, services, environ, module=module, arguments=self._lake.arguments(self._options.jars))

    def _kill(self, kill: Kill, services: Stack, inside: Mapping[str, str]) -> dict[str, Any]:
        job = self._job(services, {**inside, **_observer_environ(kill)}, _module(kill))
        began = time.monotonic()
        job.start()
        ready_s, reached = self._wait_for_death(job, kill)
        processes.kill(job.process)
        self._progress(f"killed at {kill.point} after {time.monotonic() - began:.0f} s (reached: {reached})")
        return {"fault": f"kill -9 at {kill.point}", "reached": reached, "ready_s": ready_s}

    def _wait_for_death(self, job: Job, kill: Kill) -> tuple[float | None, bool]:
        """Return (seconds until every hop was ready or None, whether the job died at the point)."""
        began, ready_s = time.monotonic(), None
        end = began + READY_WITHIN_S
        while time.monotonic() < end:
            if job.process is None or not job.process.alive:
                return ready_s, True
            if ready_s is None and job.ready():
                ready_s = round(time.monotonic() - began, 1)
                end = time.monotonic() + REACHED_WITHIN_S
                end = time.monotonic() + REACHED_WITHIN_S
                if kill.point == RANDOM:
                    time.sleep(kill.after)
                    return ready_s, True
            time.sleep(POLL_S)
        return ready_s, False

    def _break(self, name: str, broken: Broken) -> dict[str, Any]:
        self._progress(f"fault: {name}")
        with FAULTS[name](broken) as observed:
            pass
        recovered_s = _recovered(broken.job)
        self._progress(f"recovered {recovered_s} s after {name} was healed; meanwhile {observed}")
        return {"fault": name, **observed, "recovered_s": recovered_s}


def _recovered(job: Job) -> float:
    """Wait until every hop runs and has finished a further batch; returns the seconds. Raises ServiceError."""
    began, before = time.monotonic(), batches(job)
    while time.monotonic() - began < RECOVERED_WITHIN_S:
        job.check()
        hops, now = job.status().get("hops", {}), batches(job)
        running = all(hop["state"] == "running" for hop in hops.values())
        # After a restart a Spark query continues its batch numbers, but a loop starts again from 0.
        if running and now and all(now[name] > before.get(name, -1) or name in LOOPS for name in now):
            return round(time.monotonic() - began, 1)
        time.sleep(POLL_S)
    raise ServiceError(f"not recovered after {RECOVERED_WITHIN_S:.0f} s: {job.status()}")


def _since(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """Rows that the layers together lost and doubled from one audit to the next."""

    def total(report: Mapping[str, Any], what: str) -> int:
        return sum(int(report[layer][what]) for layer in LAYERS)

    return {
        "lost": total(after, "lost") - total(before, "lost"),
        "doubled": total(after, "duplicated") - total(before, "duplicated"),
    }


def _module(kill: Kill) -> str:
    return "streaming" if kill.point == RANDOM else "harness.chaos.victim"


def _observer_environ(kill: Kill) -> dict[str, str]:
    if kill.point == RANDOM:
        return {}
    return {"MOODSTREAM_CHAOS_POINT": kill.point, "MOODSTREAM_CHAOS_HIT": str(int(kill.after))}
