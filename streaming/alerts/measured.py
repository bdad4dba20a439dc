"""The job's metrics, and what a place to which they are sent can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Metric:
    """One measured value of one hop. `unit`: a unit of CloudWatch, such as Seconds or Count."""

    name: str
    hop: str
    value: float
    unit: str = "None"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Metrics(Protocol):
    """A place to which metrics are sent."""

    def put(self, *metrics: Metric) -> None:
        """Send the metrics; returns at once, never raises."""
        ...

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Send a trace of a micro-batch, from Spark's report of it; returns at once, never raises."""
        ...

    def close(self) -> None:
        """Send all queued metrics and end."""
        ...


class NoMetrics:
    """Sends no metrics; they are only in the log."""

    def put(self, *metrics: Metric) -> None:
        """Do nothing."""

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""
