"""Starts every hop, restarts the hops that fail, and writes the job's status.

A failure stops only its own hop. The supervisor starts that hop again, for ever, with capped exponential backoff,
because sinks recover. It does not start a hop again after a PermanentFailure. Each hop starts in a thread of its own,
so that a slow start delays no other hop. The job ends by itself only when every hop, or `ingest`, has failed for good.
"""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import SparkSession

from streaming import logs
from streaming.checkpoints import damage, versions
from streaming.errors import PermanentFailure
from streaming.loop import Running
from streaming.settings import Settings
from streaming.status import StatusFile
from streaming.supervised import Start, Supervised

TICK = 0.5
# A status asks Spark for each query's progress, a text of some kilobytes.
STATUS_S = 1.0
# Spark waits until the wall clock shows the time of the next trigger: after a change by one hour back, a query would
# wait an hour.
CLOCK_SET_BACK = 5.0


def hop_starts(settings: Settings, instead: Mapping[str, Start] | None = None) -> dict[str, Start]:
    """The start functions of the hops in the settings, by name. Without a warehouse, `load` and `serve` are left out.

    Only the modules of these hops are imported. `instead`: start functions that replace a hop's own, by name.
    """
    idle = () if settings.warehouse else ("load", "serve")
    names = [name for name in settings.hops if name not in idle]
    starts = {name: importlib.import_module(f"streaming.hops.{name}").start for name in names}
    return {name: checked(name, start) for name, start in (starts | dict(instead or {})).items() if name in names}


def checked(name: str, start: Start) -> Start:
    """Wrap a start function, so that it first checks the version and the completeness of the hop's checkpoint."""

    def start_checked(spark: SparkSession, settings: Settings) -> Running:
        versions.check(settings, name)
        damage.check(settings, name)
        # Each hop has its own pool: within one pool jobs run one after the other, and ingest would wait for all hops.
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", name)
        spark.sparkContext.setJobDescription(f"{name}: start")
        with logs.within(hop=name):
            return start(spark, settings)

    return start_checked


class WallClock:
    """Notices when the machine's clock is set back. `wall`: seconds since 1970; `steady`: seconds that never jump."""

    def __init__(self, wall: float, steady: float) -> None:
        self._ahead = wall - steady

    def set_back(self, wall: float, steady: float) -> float:
        """Seconds by which the clock was set back since the last call; 0 if it was not."""
        before, self._ahead = self._ahead, wall - steady
        return max(0.0, before - self._ahead)


class Job:
    """All hops of one application. `run` blocks until `stop` is called or the job has failed for good.

    `wall` reads the clock that times the queries' triggers, in seconds since 1970. Every STATUS_S seconds the job
    calls each of `observers` with the status of all hops.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        starts: Mapping[str, Start],
        wall: Callable[[], float] = time.time,
        observers: Sequence[Callable[[Mapping[str, Mapping[str, Any]]], None]] = (),
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._hops = [Supervised(name, start) for name, start in starts.items()]
        self._status = StatusFile(settings.status_file)
        self._stopping = threading.Event()
        self._wall = wall
        self._observers = observers
        self._clock = WallClock(wall(), time.monotonic())

    def stop(self) -> None:
        """Ask `run` to end; safe to call from a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Supervise the hops until the end; raises PermanentFailure if every hop, or ingest, has failed for good."""
        due = 0.0
        try:
            while not self._stopping.is_set():
                self._restart_if_clock_set_back(self._clock.set_back(self._wall(), time.monotonic()))
                for hop in self._hops:
                    hop.tick(self._spark, self._settings, time.monotonic())
                if time.monotonic() >= due:
                    self._write_status()
                    due = time.monotonic() + STATUS_S - TICK / 2
                self._give_up_if_hopeless()
                self._stopping.wait(TICK)
        finally:
            self._for_all_at_once(Supervised.stop)
            self._write_status()

    def _restart_if_clock_set_back(self, set_back: float) -> None:
        if set_back < CLOCK_SET_BACK:
            return
        why = f"the clock was set back by {set_back:.0f} s"
        self._for_all_at_once(lambda hop: hop.start_anew(time.monotonic(), why))

    def _give_up_if_hopeless(self) -> None:
        failed = {hop.name: hop.error for hop in self._hops if hop.state == "failed"}
        if "ingest" in failed or len(failed) == len(self._hops):
            raise PermanentFailure("; ".join(f"{name}: {error}" for name, error in failed.items()))

    def _for_all_at_once(self, act: Callable[[Supervised], None]) -> None:
        threads = [threading.Thread(target=act, args=(hop,), name=f"stop-{hop.name}") for hop in self._hops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write_status(self) -> None:
        hops = {hop.name: hop.status() for hop in self._hops}
        for observe in self._observers:
            observe(hops)
        self._status.write(hops, self._spark.sparkContext.uiWebUrl if self._spark else None)
