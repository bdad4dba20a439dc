"""Counts of a run: the status that other programs read, and the last line that a user sees."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.event import Event
    from connectors.session import Batch, Troubles


class Measured(NamedTuple):
    """Events acknowledged and reconnects so far; how old the newest event is (seconds), None before the first one."""

    acked: int
    reconnects: int
    lag_s: float | None


class Counts:
    """What a run did so far. Thread-safe.

    `sent`, `acked`, `by_kind` and the rest have the names of the generator's status, so that the demo shows both alike.
    """

    def __init__(self, source: str, target_rate: float | None, troubles: Troubles) -> None:
        self._lock = Lock()
        self._source, self._target, self._troubles = source, target_rate, troubles
        self._began = time.monotonic()
        self._cpu_began = time.process_time()
        self._last = (self._began, 0)
        self._received = self._retried = self._throttled = 0
        self.sent = self.acked = 0
        self._kinds: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._corrected: Counter[str] = Counter()
        self._newest_us = 0
        self.cursor: Any = None

    def take(self, batch: Batch) -> None:
        """Count what a source read."""
        with self._lock:
            self._received += batch.received
            self._skipped.update(batch.skipped)
            self._corrected.update(batch.corrected)

    def repeated(self, count: int) -> None:
        """Count events that were dropped because they had been taken before."""
        if count:
            with self._lock:
                self._skipped["repeated"] += count

    def send(self, events: Sequence[Event]) -> None:
        """Count events that are about to be put."""
        with self._lock:
            self.sent += len(events)
            self._kinds.update(event.kind for event in events)
            self._newest_us = max(self._newest_us, max(event.at_us for event in events))

    def add(self, *, acked: int = 0, retried: int = 0, throttled: int = 0) -> None:
        """Count what became of events."""
        with self._lock:
            self.acked += acked
            self._retried += retried
            self._throttled += throttled

    def measured(self) -> Measured:
        """What goes to metrics; unlike `status` it may be called by any thread without changing what others see."""
        with self._lock:
            return Measured(self.acked, self._troubles["reconnects"], self._lag_s())

    def _lag_s(self) -> float | None:
        return time.time() - self._newest_us / 1e6 if self._newest_us else None

    def status(self, state: str = "running") -> dict[str, Any]:
        """All counts. `rate`: events acknowledged a second since the last call (overall when done).

        `lag_s`: how old the newest event is that was sent; None before the first one.
        """
        with self._lock:
            now = time.monotonic()
            since, before = self._last if state == "running" else (self._began, 0)
            self._last = (now, self.acked)
            lag_s = self._lag_s()
            return {
                "source": self._source,
                "state": state,
                "seconds": round(now - self._began, 3),
                "received": self._received,
                "events": self.acked,
                "by_type": dict(sorted(self._kinds.items())),
                "skipped": dict(sorted((+self._skipped).items())),
                "corrected": dict(sorted((+self._corrected).items())),
                "reconnects": self._troubles["reconnects"],
                "gaps": self._troubles["gaps"],
                "throttled": self._troubles["throttled"],
                "quota_units": self._troubles["quota_units"],
                "cursor": self.cursor,
                "rate": round((self.acked - before) / max(now - since, 1e-6), 1),
                "target_rate": self._target,
                "lag_s": None if lag_s is None else round(lag_s, 1),
                "sent": self.sent,
                "acked": self.acked,
                "by_kind": dict(sorted(self._kinds.items())),
                "puts_retried": self._retried,
                "puts_throttled": self._throttled,
                "cpu_seconds": round(time.process_time() - self._cpu_began, 3),
                "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }


def sentence(status: dict[str, Any]) -> str:
    """A status as a line for people."""
    kinds = ", ".join(f"{count:,} {name}" for name, count in status["by_type"].items()) or "none"
    parts = [f"{status['received']:,} received", f"{status['events']:,} events ({kinds})", f"{status['rate']:,.1f}/s"]
    if status["skipped"]:
        parts.append("skipped " + ", ".join(f"{count:,} {reason}" for reason, count in status["skipped"].items()))
    if status["reconnects"]:
        parts.append(f"{status['reconnects']} reconnects")
    return f"{status['source']}: " + "; ".join(parts)


def write_status(path: Path, status: dict[str, Any]) -> None:
    """Rewrite a file with a status, so that a reader never sees half of it."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_text(json.dumps(status, separators=(",", ":")) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(f"cannot write --status-file '{path}': {error.strerror}") from error
