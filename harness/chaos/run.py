"""Runs the job under load, kills it, breaks what it depends on, and audits what is left."""

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
from streaming.commit_points import POINTS

RANDOM = "random moment"
# How long a point may take to be reached before the job is killed all the same.
REACHED_WITHIN_S = 60.0
MOST_HITS = 4
RECOVERED_WITHIN_S = 240.0
POLL_S = 0.1
# So that its points are reached as often as those of the others.
QUICK: Mapping[str, str] = {"MOODSTREAM_OBSERVE_INTERVAL": "3"}
LAYERS = ("bronze", "silver", "warehouse")
# Hops without a Spark query: they may have nothing to do for a while.
LOOPS = ("serve", "observe", "watch")


@dataclass(frozen=True)
class Kill:
    """One kill: where, and at which time the point is reached there or how many seconds after readiness."""

    point: str
    after: float


def planned(kills: int, seed: int) -> Iterator[Kill]:
    """Every commit point in turn with a random moment among them, `kills` in all."""
    chance = random.Random(seed)
    for point in islice(cycle((*POINTS, RANDOM)), kills):
        yield Kill(point, chance.uniform(0, 8) if point == RANDOM else chance.randint(1, MOST_HITS))


class ChaosRun:
    """One run on one working directory."""

    def __init__(
        self, options: DemoSettings, place: Workdir, lake: Lake, environ: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._options = options
        self._place = place
        self._lake = lake
        self._environ = environ
        self._say = say
        self._audit: dict[str, Any] = {}

    def run(self, kills: int, faults: tuple[str, ...], seed: int) -> dict[str, Any]:
        """Kills first, then faults, then drain and audit; what `moodstream chaos --json` prints."""
        self._lake.fetch(self._environ)
        own_clock = clock.environ(self._place) if CLOCK_BACK in faults else {}
        services = stack.start(self._place, self._environ, self._options.shards)
        services = replace(services, workdir=self._lake.seen(self._place))
        inside = services.environ(self._environ)
        models.ensure_champion(self._place, inside, self._say)
        models.ensure_challenger(self._place)
        with Proxy(services.aws.endpoint) as proxy:
            # The generator talks to the emulator itself: only the job meets the faults of the proxy.
            beyond = replace(
                services, aws=replace(services.aws, process=replace(services.aws.process, port=proxy.port))
            )
            inner = {**beyond.environ(self._environ), **self._lake.environ(beyond), **QUICK}
            with self._load(services, inside):
                found = [self._kill(kill, beyond, inner) for kill in planned(kills, seed)]
                job = self._started(beyond, inner)
            try:
                drained = self._settled(job, services)
                # What the clock of its own costs would colour the other faults.
                for name in sorted(faults, key=CLOCK_BACK.__eq__):
                    with self._load(services, inside):
                        if name == CLOCK_BACK:
                            job.stop()
                            job = self._started(beyond, {**inner, **own_clock})
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
        """Let everything arrive, and audit it; whether it arrived."""
        drained = drain.drain(job, services.postgres, self._say)
        self._audit = audit(services.workdir, self._environ, lambda _what, _count: None)
        return drained

    def _started(self, services: Stack, environ: Mapping[str, str]) -> Job:
        job = self._job(services, environ)
        job.start()
        job.wait_until_ready(lambda: False)
        return job

    def _job(self, services: Stack, environ: Mapping[str, str], module: str = "streaming") -> Job:
        return Job(self._options, services, environ, module=module, arguments=self._lake.arguments(self._options.jars))

    def _kill(self, kill: Kill, services: Stack, inside: Mapping[str, str]) -> dict[str, Any]:
        job = self._job(services, {**inside, **_orders(kill)}, _module(kill))
        began = time.monotonic()
        job.start()
        ready_s, reached = self._wait_for_death(job, kill)
        processes.kill(job.process)
        self._say(f"killed at {kill.point} after {time.monotonic() - began:.0f} s (reached: {reached})")
        return {"fault": f"kill -9 at {kill.point}", "reached": reached, "ready_s": ready_s}

    def _wait_for_death(self, job: Job, kill: Kill) -> tuple[float | None, bool]:
        """(seconds until every hop ran, whether the job died at the point by itself)."""
        began, ready_s = time.monotonic(), None
        end = began + REACHED_WITHIN_S
        while time.monotonic() < end:
            if job.process is None or not job.process.alive:
                return ready_s, True
            if ready_s is None and job.ready():
                ready_s = round(time.monotonic() - began, 1)
                if kill.point == RANDOM:
                    time.sleep(kill.after)
                    return ready_s, True
            time.sleep(POLL_S)
        return ready_s, False

    def _break(self, name: str, broken: Broken) -> dict[str, Any]:
        self._say(f"fault: {name}")
        with FAULTS[name](broken) as observed:
            pass
        recovered_s = _recovered(broken.job)
        self._say(f"recovered {recovered_s} s after {name} was healed; meanwhile {observed}")
        return {"fault": name, **observed, "recovered_s": recovered_s}


def _recovered(job: Job) -> float:
    """Seconds until every hop runs and has finished a further batch."""
    began, before = time.monotonic(), batches(job)
    while time.monotonic() - began < RECOVERED_WITHIN_S:
        job.tick()
        hops, now = job.status().get("hops", {}), batches(job)
        running = all(hop["state"] == "running" for hop in hops.values())
        # A hop that was started anew counts its batches as before, one without Spark counts from 0 again.
        if running and now and all(now[name] > before.get(name, -1) or name in LOOPS for name in now):
            return round(time.monotonic() - began, 1)
        time.sleep(POLL_S)
    raise ServiceError(f"not recovered after {RECOVERED_WITHIN_S:.0f} s: {job.status()}")


def _since(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, int]:
    """What the layers together lost and doubled from one audit to the next."""

    def total(report: Mapping[str, Any], what: str) -> int:
        return sum(int(report[layer][what]) for layer in LAYERS)

    return {
        "lost": total(after, "lost") - total(before, "lost"),
        "doubled": total(after, "duplicated") - total(before, "duplicated"),
    }


def _module(kill: Kill) -> str:
    return "streaming" if kill.point == RANDOM else "harness.chaos.victim"


def _orders(kill: Kill) -> dict[str, str]:
    if kill.point == RANDOM:
        return {}
    return {"MOODSTREAM_CHAOS_POINT": kill.point, "MOODSTREAM_CHAOS_HIT": str(int(kill.after))}
