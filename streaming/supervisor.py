"""The application: starts every hop, restarts the hops that fail, and writes the job's status.

A hop that fails stops alone and is started again with capped exponential backoff, for ever: sinks come back. A
PermanentFailure is not retried. The job ends by itself only when it cannot do its work any more: when no hop is left
that could run, or `ingest` never can.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from streaming.checkpoints import versions
from streaming.errors import PermanentFailure
from streaming.loop import Running
from streaming.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
# A hop that ran this long before it failed starts over with the first pause.
HEALTHY_AFTER = 120.0
TICK = 0.5
# Spark waits for the wall clock to come round to the next trigger: set back by an hour, a query would sleep that long.
CLOCK_SET_BACK = 5.0

Start = Callable[[SparkSession, Settings], Running]


def hop_starts(settings: Settings, instead: Mapping[str, Start] | None = None) -> dict[str, Start]:
    """The start function of each hop that is wanted and has somewhere to go; only those are imported.

    `instead`: start functions by hop, to be used in place of the hop's own.
    """
    idle = () if settings.warehouse else ("load", "serve")
    names = [name for name in settings.hops if name not in idle]
    starts = {name: importlib.import_module(f"streaming.hops.{name}").start for name in names}
    return {name: checked(name, start) for name, start in (starts | dict(instead or {})).items() if name in names}


def checked(name: str, start: Start) -> Start:
    """The start function, after a look at the version of the hop's checkpoint."""

    def start_checked(spark: SparkSession, settings: Settings) -> Running:
        versions.check(settings, name)
        # A pool of its own: within one pool jobs queue up, and ingest would wait for the tasks of every other hop.
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", name)
        return start(spark, settings)

    return start_checked


@dataclass
class Supervised:
    """One hop under supervision.

    waiting -> running   its start succeeded
    running -> waiting   it ended, or was restarted; the next start follows after a pause
    waiting, running -> failed   a PermanentFailure; it is never started again
    any but failed -> stopped   the job ends
    """

    name: str
    start: Start
    state: str = "waiting"
    restarts: int = 0
    error: str | None = None
    running: Running | None = None
    _next_start: float = 0.0
    _started: float = 0.0
    _pause: float = field(default=FIRST_PAUSE)

    def tick(self, spark: SparkSession, settings: Settings, now: float) -> None:
        """Start it if it is due, notice if it has ended; never raises. `now`: monotonic seconds."""
        if self.state == "waiting" and now >= self._next_start:
            self._try_start(spark, settings, now)
        elif self.state == "running" and self.running is not None and not self.running.isActive:
            self._ended(self.running.exception(), now)

    def _try_start(self, spark: SparkSession, settings: Settings, now: float) -> None:
        try:
            self.running = self.start(spark, settings)
        except Exception as failure:
            self._ended(failure, now)
        else:
            self.state, self._started = "running", now

    def _ended(self, failure: BaseException | None, now: float) -> None:
        self.error = one_line(failure) if failure else "ended without an error"
        if is_permanent(failure):
            self.state = "failed"
            log.error("hop %s failed for good: %s", self.name, self.error)
            return
        if self._started and now - self._started > HEALTHY_AFTER:
            self._pause = FIRST_PAUSE
        self.state, self.restarts, self._next_start = "waiting", self.restarts + 1, now + self._pause
        log.warning("hop %s ended, next start in %.0f s: %s", self.name, self._pause, self.error)
        self._pause = min(2 * self._pause, MAX_PAUSE)

    def start_anew(self, now: float, why: str) -> None:
        """End what runs, so that the next tick starts it."""
        if self.running is not None and self.running.isActive:
            _stop_between_batches(self.running)
        if self.state == "running":
            self.state, self.restarts, self.error, self._next_start = "waiting", self.restarts + 1, why, now
            log.warning("hop %s is started anew: %s", self.name, why)

    def stop(self) -> None:
        """End it, at the end of its batch where that comes soon."""
        if self.running is not None and self.running.isActive:
            _stop_between_batches(self.running)
        if self.state != "failed":
            self.state = "stopped"

    def status(self) -> dict[str, Any]:
        """What an operator wants to know, as JSON values."""
        progress = (self.running.lastProgress if self.running else None) or {}
        return {
            "state": self.state,
            "restarts": self.restarts,
            "error": self.error,
            "batch": progress.get("batchId"),
            "input_rows": progress.get("numInputRows"),
            "rows_per_second": progress.get("processedRowsPerSecond"),
            "batch_seconds": (progress.get("durationMs") or {}).get("triggerExecution", 0) / 1000,
            "last_batch_at": progress.get("timestamp"),
        }


class WallClock:
    """Notices when the machine's clock is set back. `wall`: seconds since 1970; `steady`: seconds that never jump."""

    def __init__(self, wall: float, steady: float) -> None:
        self._ahead = wall - steady

    def set_back(self, wall: float, steady: float) -> float:
        """By how many seconds since the last call; 0 if not."""
        before, self._ahead = self._ahead, wall - steady
        return max(0.0, before - self._ahead)


class Job:
    """All hops of one application. `run` blocks until `stop` is called or nothing can go on.

    `wall` is the clock that queries wait by, in seconds since 1970.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        starts: Mapping[str, Start],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._hops = [Supervised(name, start) for name, start in starts.items()]
        self._stopping = threading.Event()
        self._wall = wall
        self._clock = WallClock(wall(), time.monotonic())

    def stop(self) -> None:
        """Ask `run` to end; safe to call from a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Supervise until the end; raises PermanentFailure when the job can never succeed."""
        try:
            while not self._stopping.is_set():
                self._restart_if_clock_set_back(self._clock.set_back(self._wall(), time.monotonic()))
                for hop in self._hops:
                    hop.tick(self._spark, self._settings, time.monotonic())
                self._write_status()
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
        if self._settings.status_file is None:
            return
        status = {
            "updated_at": datetime.now(UTC).isoformat(),
            "ui": self._spark.sparkContext.uiWebUrl,
            "hops": {hop.name: hop.status() for hop in self._hops},
        }
        path = Path(self._settings.status_file)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(status))
        draft.replace(path)


def is_permanent(failure: BaseException | None) -> bool:
    """Whether a restart would be in vain. Python errors inside a query reach us only as text."""
    permanent: list[type[BaseException]] = [PermanentFailure, *PermanentFailure.__subclasses__()]
    return isinstance(failure, PermanentFailure) or any(f"{kind.__name__}:" in str(failure) for kind in permanent)


def one_line(failure: BaseException) -> str:
    """The line of an error that holds its message: of a Python traceback, the last one."""
    text = str(failure)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unavailable|Failure|Unusable)\b.*:", line)]
    inside_python = told if "Traceback" in text else []
    return f"{type(failure).__name__}: {(inside_python or lines or ['no message'])[0]}"[:500]


def _stop_between_batches(running: Running, patience: float = 20.0) -> None:
    """Stop a streaming query when no batch is under way; after `patience` seconds stop it all the same.

    A batch that is cut off is replayed at the next start, so this saves work, not correctness.
    """
    status = getattr(running, "status", None)
    end = time.monotonic() + patience
    while status is not None and time.monotonic() < end and running.isActive:
        if not getattr(running, "status", {}).get("isTriggerActive"):
            break
        time.sleep(0.02)
    running.stop()
