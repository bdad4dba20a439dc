"""One hop under supervision: its start in a thread of its own, its restarts, its pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from streaming.backoff import next_pause
from streaming.errors import SinkUnavailable
from streaming.failures import is_permanent, one_line
from streaming.loop import Running
from streaming.settings import Settings

log = logging.getLogger(__name__)

# Longer than the longest wait inside a start: migrations wait up to 300 s (PostgreSQL) or 900 s (Redshift) for locks.
START_WITHIN = 1200.0
# How long the end of the job waits for a start under way.
STOP_WITHIN = 20.0

Start = Callable[[SparkSession, Settings], Running]


class Attempt:
    """One call of a start function, in a daemon thread: a start that hangs holds up nothing, not even the exit."""

    def __init__(self, name: str, start: Callable[[], Running]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._abandoned = False
        self.running: Running | None = None
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"start-{name}", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the start function has returned or raised."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Return when it is done, after `seconds` at the latest."""
        self._thread.join(seconds)

    def abandon(self) -> Running | None:
        """Give the attempt up: what its start function still returns is stopped at once. Returns what it did start."""
        with self._lock:
            self._abandoned = True
            return self.running

    def _run(self) -> None:
        try:
            running = self._start()
        except Exception as failure:  # the supervisor decides what a failure means
            self.failure = failure
            return
        with self._lock:
            if not self._abandoned:
                self.running = running
                return
        log.warning("%s returned after it had been given up; what it started is stopped", self._thread.name)
        running.stop()


@dataclass
class Supervised:
    """One hop under supervision.

    waiting -> starting -> running   its start succeeded
    starting, running -> waiting   it failed or was restarted; the next start follows after a pause
    starting, running -> failed   a PermanentFailure; it is never started again
    any but failed -> stopped   the job ends
    """

    name: str
    start: Start
    state: str = "waiting"
    restarts: int = 0
    error: str | None = None
    running: Running | None = None
    _attempt: Attempt | None = None
    _next_start: float = 0.0
    _since: float = 0.0
    _pause: float = 0.0

    def tick(self, spark: SparkSession, settings: Settings, now: float) -> None:
        """Start it if it is due, notice if it has started or ended; never raises, never waits. `now`: monotonic s."""
        if self.state == "waiting" and now >= self._next_start:
            self.state, self._since = "starting", now
            self._attempt = Attempt(self.name, lambda: self.start(spark, settings))
        elif self.state == "starting" and self._attempt is not None:
            self._look_at(self._attempt, now)
        elif self.state == "running" and self.running is not None and not self.running.isActive:
            self._ended(self.running.exception(), now, worked=now - self._since)

    def _look_at(self, attempt: Attempt, now: float) -> None:
        if attempt.done and attempt.running is not None:
            self.running, self._attempt = attempt.running, None
            self.state, self._since = "running", now
        elif attempt.done:
            self._attempt = None
            self._ended(attempt.failure, now, worked=0.0)
        elif now - self._since > START_WITHIN:
            # The thread may hang for ever, in a lock say; a second start of a query with the same checkpoint is safe,
            # since Spark lets one of both run, and a loop repeats its steps safely.
            self._attempt, late = None, attempt.abandon()
            if late is not None:
                _stop_between_batches(late)
            taking = f"its start has not returned within {START_WITHIN:.0f} s"
            self._ended(SinkUnavailable(taking), now, worked=0.0)

    def _ended(self, failure: BaseException | None, now: float, worked: float) -> None:
        self.error = one_line(failure) if failure else "ended without an error"
        if is_permanent(failure):
            self.state = "failed"
            log.error("hop %s failed for good: %s", self.name, self.error)
            return
        self._pause = next_pause(self._pause, worked)
        self.state, self.restarts, self._next_start = "waiting", self.restarts + 1, now + self._pause
        log.warning("hop %s ended, next start in %.0f s: %s", self.name, self._pause, self.error)

    def start_anew(self, now: float, why: str) -> None:
        """End what runs, so that the next tick starts it; a start under way is given up."""
        if self._attempt is not None:
            self.running, self._attempt, self.state = self._attempt.abandon(), None, "running"
        if self.running is not None and self.running.isActive:
            _stop_between_batches(self.running)
        if self.state == "running":
            self.state, self.restarts, self.error, self._next_start = "waiting", self.restarts + 1, why, now
            log.warning("hop %s is started anew: %s", self.name, why)

    def stop(self) -> None:
        """End it, at the end of its batch where that comes soon; a start that takes longer than that is given up."""
        if self._attempt is not None:
            self._attempt.wait(STOP_WITHIN)
            self.running, self._attempt = self._attempt.abandon(), None
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
