"""Measures the states of all hops: of streaming queries and loops, and of hops that never start."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from streaming.alerts import rules
from streaming.alerts.measured import Metric, Metrics

EVERY_S = 30.0

Status = Mapping[str, Mapping[str, Any]]


class HopStates:
    """An observer of the supervisor, which sends metrics of every hop each half minute.

    It also sends them at once after a hop has restarted, so that a failure of a few seconds is not missed.
    """

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that never jump."""
        self._metrics = metrics
        self._clock = clock
        self._next = 0.0
        self._restarts: dict[str, int] = {}

    def __call__(self, hops: Status) -> None:
        """Send metrics if half a minute has passed or a hop has restarted. `hops`: as in the status file."""
        restarted = any(hop["restarts"] > self._restarts.get(name, 0) for name, hop in hops.items())
        now = self._clock()
        if now < self._next and not restarted:
            return
        self._next = now + EVERY_S
        stalled = {alert.subject for alert in rules.hop_trouble(hops) if alert.rule == "hop_stalled"}
        for name, hop in hops.items():
            self._measure(name, hop, stalled=name in stalled)

    def _measure(self, name: str, hop: Mapping[str, Any], *, stalled: bool) -> None:
        restarts = hop["restarts"] - self._restarts.get(name, 0)
        self._restarts[name] = hop["restarts"]
        failed = hop["state"] == "failed" or restarts > 0
        self._metrics.put(
            Metric("HopState", name, float(hop["state"] == "running"), "Count"),
            Metric("HopFailed", name, float(failed), "Count"),
            Metric("Restarts", name, float(restarts), "Count"),
            Metric("HopStalled", name, float(stalled), "Count"),
        )
        if hop["last_batch_at"]:
            age = datetime.now(UTC) - datetime.fromisoformat(hop["last_batch_at"])
            self._metrics.put(Metric("LastProgressAge", name, max(0.0, age.total_seconds()), "Seconds"))
