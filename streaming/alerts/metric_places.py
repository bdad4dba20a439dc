"""Where metrics are sent: to CloudWatch, to an OpenTelemetry collector, to both, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streaming.alerts.measured import Metric, Metrics, NoMetrics
from streaming.settings import Settings


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
