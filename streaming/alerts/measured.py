"""What the job measures, and where it goes: CloudWatch, an OpenTelemetry collector, both, or the log alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from streaming.settings import Settings


@dataclass(frozen=True)
class Metric:
    """One measured value of one hop; `unit` is one of CloudWatch's."""

    name: str
    hop: str
    value: float
    unit: str = "None"
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Metrics(Protocol):
    """Where metrics go."""

    def put(self, *metrics: Metric) -> None:
        """Take the metrics; returns at once, never raises."""
        ...

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Take what Spark reports of a micro-batch, to trace it; returns at once, never raises."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


class NoMetrics:
    """Metrics go nowhere: the log has them."""

    def put(self, *metrics: Metric) -> None:
        """Forget them."""

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing is left."""


class Several:
    """Metrics go to each of some places."""

    def __init__(self, places: Sequence[Metrics]) -> None:
        self._places = places

    def put(self, *metrics: Metric) -> None:
        """Pass them on."""
        for place in self._places:
            place.put(*metrics)

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Pass it on."""
        for place in self._places:
            place.batch(hop, progress)

    def close(self) -> None:
        """Close each."""
        for place in self._places:
            place.close()


def open_metrics(settings: Settings) -> Metrics:
    """The places that the settings name: a CloudWatch namespace, an OTLP endpoint. Only what is named is imported."""
    places: list[Metrics] = []
    if settings.metrics_namespace:
        from streaming.alerts.cloudwatch import CloudWatch

        places.append(CloudWatch(settings, settings.metrics_namespace))
    if settings.otlp_endpoint:
        from streaming.alerts.otlp import Otlp

        places.append(Otlp(settings.otlp_endpoint))
    return places[0] if len(places) == 1 else Several(places) if places else NoMetrics()
