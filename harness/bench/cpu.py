"""CPU seconds of a demo's streaming job, by part, measured from outside: the same for every release of the job.

The job runs in a session of its own, whose leader the demo records in `run/job.json`. CPU seconds hardly depend on
what else the machine does, unlike latencies.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

import psutil

from deploy.local import processes
from deploy.local.processes import Process
from deploy.local.workdir import Workdir
from harness.audit.latency import WARM_UP_S
from harness.demo import job, sender

POLL_S = 0.5


class CpuSeconds(NamedTuple):
    """CPU seconds so far: of the JVM, of the Python process that drives it, and of Spark's Python workers."""

    jvm: float = 0.0
    driver: float = 0.0
    workers: float = 0.0

    def since(self, before: CpuSeconds) -> CpuSeconds:
        """The seconds used after `before`."""
        return CpuSeconds(*(now - then for now, then in zip(self, before, strict=True)))

    def at_least(self, before: CpuSeconds) -> CpuSeconds:
        """The greater of both for each part: what a process used is no longer seen once it has ended."""
        return CpuSeconds(*map(max, self, before))

    def per_million(self, events: int) -> dict[str, float]:
        """CPU seconds per million events, by part and in `total`."""
        parts = {name: round(1e6 * seconds / events, 1) for name, seconds in self._asdict().items()}
        return {"total": round(1e6 * sum(self) / events, 1), **parts}


def used(job_process: Process) -> CpuSeconds:
    """What the living processes of the job's session have used; workers with the ended workers that they waited for.

    The JVM and the driver without their ended children: when the job ends, the JVM waits for Spark's Python daemon, and
    the workers would count twice.
    """
    seconds = dict.fromkeys(CpuSeconds._fields, 0.0)
    for member in processes.members(job_process):
        with contextlib.suppress(psutil.Error):
            part = "driver" if member.pid == job_process.pid else "jvm" if member.name() == "java" else "workers"
            seconds[part] += sum(member.cpu_times()[: 4 if part == "workers" else 2])
    return CpuSeconds(**seconds)


def own_cpu() -> dict[str, float]:
    """CPU seconds so far of this process (`python`) and of the JVM that it started (`jvm`), without Spark's workers."""
    own = psutil.Process()
    jvms = [child for child in own.children() if child.name() == "java"]
    return {
        name: sum(sum(each.cpu_times()[:2]) for each in group) for name, group in (("python", [own]), ("jvm", jvms))
    }


class CpuMeter:
    """Watches the job of the demo that runs in `workdir` until the block ends.

    Counts from WARM_UP_S after the first record was sent, like the latencies, to the end of the job; a run that is too
    short for that counts from its first record.
    """

    def __init__(self, workdir: Workdir) -> None:
        self._workdir = workdir
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cpu meter", daemon=True)
        self._samples: list[tuple[float, int, CpuSeconds]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def per_million(self) -> dict[str, float] | None:
        """CPU seconds per million acknowledged records; None if the job was never seen with records."""
        if not self._samples:
            return None
        began = self._samples[0][0]
        _, before, start = next((each for each in self._samples if each[0] >= began + WARM_UP_S), self._samples[0])
        _, after, end = self._samples[-1]
        if after <= before:  # nothing was sent after the warm-up
            _, before, start = self._samples[0]
        return end.since(start).per_million(after - before) if after > before else None

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            running = processes.recorded(job.NAME, self._workdir.run)
            sent = self._sent()
            if running is not None and running.alive and sent:
                before = self._samples[-1][2] if self._samples else CpuSeconds()
                self._samples.append((time.monotonic(), sent, used(running).at_least(before)))

    def _sent(self) -> int:
        try:
            return int(json.loads((self._workdir.run / sender.STATUS).read_text())["acked"])
        except (OSError, ValueError, KeyError):
            return 0
