"""Supervises one hop: starts it in a thread of its own, and starts it again after a pause when it ends."""

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
# How long the job waits, when it ends, for a start function that has not returned.
STOP_WITHIN = 20.0

Start = Callable[[SparkSession, Settings], Running]


class Attempt:
    """One call of a start function, in a daemon thread, so that a start that hangs does not block the exit."""

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
        """True if the start function has returned or raised."""
        return not self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait until it is done, at most `seconds`."""
        self._thread.join(seconds)

    def abandon(self) -> Running | None:
        """Give the attempt up. Returns the hop if it has started; if it starts later, the attempt stops it at once."""
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
        log.warning("%s returned after the job had given it up; the job stops what it started", self._thread.name)
        running.stop()


@dataclass
class Supervised:
    """One hop and its state.

    waiting -> starting -> running   the start succeeded
    starting, running -> waiting   the hop failed or was restarted; the next start follows after a pause
    starting, running -> failed   a PermanentFailure; the hop is never started again
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

    @property
    def _place(self) -> dict[str, str]:
        """What the log says of where a message belongs."""
        return {"hop": self.name}

    def tick(self, spark: SparkSession, settings: Settings, now: float) -> None:
        """Start the hop if it is due, and update its state if it has started or ended; never raises, never waits.

        `now`: seconds of a clock that never jumps.
        """
        if self.state == "waiting" and now >= self._next_start:
            self.state, self._since = "starting", now
            self._attempt = Attempt(self.name, lambda: self.start(spark, settings))
        elif self.state == "starting" and self._attempt is not None:
            self._update_from(self._attempt, now)
        elif self.state == "running" and self.running is not None and not self.running.isActive:
            self._ended(self.running.exception(), now, worked=now - self._since)

    def _update_from(self, attempt: Attempt, now: float) -> None:
        if attempt.done and attempt.running is not None:
            self.running, self._attempt = attempt.running, None
            self.state, self._since = "running", now
        elif attempt.done:
            self._attempt = None
            self._ended(attempt.failure, now, worked=0.0)
        elif now - self._since > START_WITHIN:
            # The thread may hang for ever, for example in a lock. A second start is safe: Spark lets only one of two
            # queries with the same checkpoint run, and the steps of a loop are safe to repeat.
            self._attempt, late = None, attempt.abandon()
            if late is not None:
                _stop_between_batches(late)
            taking = f"its start has not returned within {START_WITHIN:.0f} s"
            self._ended(SinkUnavailable(taking), now, worked=0.0)

    def _ended(self, failure: BaseException | None, now: float, worked: float) -> None:
        self.error = one_line(failure) if failure else "ended without an error"
        if is_permanent(failure):
            self.state = "failed"
            log.error("hop %s failed for good: %s", self.name, self.error, extra=self._place)
            return
        self._pause = next_pause(self._pause, worked)
        self.state, self.restarts, self._next_start = "waiting", self.restarts + 1, now + self._pause
        log.warning("hop %s ended, next start in %.0f s: %s", self.name, self._pause, self.error, extra=self._place)

    def start_anew(self, now: float, why: str) -> None:
        """Stop the hop, or give its start up, so that the next tick starts it. `why` becomes its error."""
        if self._attempt is not None:
            self.running, self._attempt, self.state = self._attempt.abandon(), None, "running"
        if self.running is not None and self.running.isActive:
            _stop_between_batches(self.running)
        if self.state == "running":
            self.state, self.restarts, self.error, self._next_start = "waiting", self.restarts + 1, why, now
            log.warning("hop %s is restarted: %s", self.name, why, extra=self._place)

    def stop(self) -> None:
        """Stop the hop, if possible between two batches; a start that takes over STOP_WITHIN seconds is given up."""
        if self._attempt is not None:
            self._attempt.wait(STOP_WITHIN)
            self.running, self._attempt = self._attempt.abandon(), None
        if self.running is not None and self.running.isActive:
            _stop_between_batches(self.running)
        if self.state != "failed":
            self.state = "stopped"

    def status(self) -> dict[str, Any]:
        """The hop's entry in the status file, as JSON values."""
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
    """Stop a streaming query between two batches, or after `patience` seconds in any case.

    The next start replays a batch that was cut off, so stopping between batches saves work and is not needed for
    correctness.
    """
    status = getattr(running, "status", None)
    end = time.monotonic() + patience
    while status is not None and time.monotonic() < end and running.isActive:
        if not getattr(running, "status", {}).get("isTriggerActive"):
            break
        time.sleep(0.02)
    running.stop()
