"""Counts of a run, and the status that other programs show: one JSON object a second."""

from __future__ import annotations

import json
import resource
import time
from collections import Counter
from threading import Lock
from typing import IO, TYPE_CHECKING, Any

from generator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from generator.events.records import Record


class Counts:
    """What a run did so far. Thread-safe."""

    def __init__(self, run: str, target_rate: float | None) -> None:
        self._lock = Lock()
        self._run, self._target = run, target_rate
        self._began = time.monotonic()
        self._cpu_began = time.process_time()
        self._last = (self._began, 0)
        self.sent = self.acked = self.throttled = self.retried = self.unsendable = 0
        self._kinds: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._dirt: Counter[str] = Counter()
        self._duplicates = self._events = 0

    def send(self, records: Sequence[Record]) -> None:
        """Count records that are about to be put."""
        with self._lock:
            self.sent += len(records)
            for record in records:
                for event in record.expected:
                    self._events += 1
                    self._kinds[event.entity or "unknown"] += 1
                    if event.reason:
                        self._reasons[event.reason] += 1
                    if event.dirt:
                        self._dirt[event.dirt] += 1
                    self._duplicates += event.duplicate

    def begin(self) -> None:
        """Count seconds and rates from now on."""
        with self._lock:
            self._began = time.monotonic()
            self._cpu_began = time.process_time()
            self._last = (self._began, self.acked)

    def add(self, *, acked: int = 0, throttled: int = 0, retried: int = 0, unsendable: int = 0) -> None:
        """Count what became of records."""
        with self._lock:
            self.acked += acked
            self.throttled += throttled
            self.retried += retried
            self.unsendable += unsendable

    def status(self, state: str = "running") -> dict[str, Any]:
        """All counts; `rate` is records acknowledged a second since the last call (overall when done).

        `memory_mb` is the most the process ever held; sent / cpu_seconds is what one core can do.
        """
        with self._lock:
            now = time.monotonic()
            since, before = self._last if state == "running" else (self._began, 0)
            self._last = (now, self.acked)
            return {
                "run": self._run,
                "state": state,
                "seconds": round(now - self._began, 3),
                "sent": self.sent,
                "events": self._events,
                "acked": self.acked,
                "rate": round((self.acked - before) / max(now - since, 1e-6), 1),
                "target_rate": self._target,
                "throttled": self.throttled,
                "retried": self.retried,
                "unsendable": self.unsendable,
                "duplicates": self._duplicates,
                "by_kind": dict(sorted(self._kinds.items())),
                "rejected": dict(sorted(self._reasons.items())),
                "dirt": dict(sorted(self._dirt.items())),
                "cpu_seconds": round(time.process_time() - self._cpu_began, 3),
                "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }


class StatusWriter:
    """Shows a status: rewrites a file atomically, or prints a line."""

    def __init__(self, path: Path | None, stream: IO[str] | None) -> None:
        self._path, self._stream = path, stream

    def show(self, status: dict[str, Any]) -> None:
        """Publish one status."""
        text = json.dumps(status, separators=(",", ":"))
        if self._path is not None:
            try:
                part = self._path.with_name(f"{self._path.name}.part")
                part.write_text(text + "\n", encoding="utf-8")
                part.replace(self._path)
            except OSError as error:
                raise UsageError(f"cannot write --status-file '{self._path}': {error.strerror}") from error
        elif self._stream is not None:
            self._stream.write(text + "\n")
            self._stream.flush()
