"""The job's metrics, and the places to which they are sent: CloudWatch, an OpenTelemetry collector, both, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from streaming.settings import Settings


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


class Several:
    """Sends metrics to several places."""

    def __init__(self, places: Sequence[Metrics]) -> None:
        self._places = places

    def put(self, *metrics: Metric) -> None:
        """Send the metrics to each place."""
        for place in self._places:
            place.put(*metrics)

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Send the trace to each place."""
        for place in self._places:
            place.batch(hop, progress)

    def close(self) -> None:
        """Close each place."""
        for place in self._places:
            place.close()


def open_metrics(settings: Settings) -> Metrics:
    """Open the places that the settings name: a CloudWatch namespace, an OTLP endpoint. Imports only their modules."""
    places: list[Metrics] = []
    if settings.metrics_namespace:
        from streaming.alerts.cloudwatch import CloudWatch

        places.append(CloudWatch(settings, settings.metrics_namespace))
    if settings.otlp_endpoint:
        from streaming.alerts.otlp import Otlp

        places.append(Otlp(settings.otlp_endpoint))
    return places[0] if len(places) == 1 else Several(places) if places else NoMetrics()
