"""Where metrics are sent: to CloudWatch, an OpenTelemetry collector, both, or nowhere; and where the lineage goes."""

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


def open_for_the_job(settings: Settings) -> Metrics:
    """The places of `open_metrics` and, if the settings name one, the catalog for the lineage of the whole process."""
    metrics = open_metrics(settings)
    if settings.openlineage_endpoint is None:
        return metrics
    from streaming.alerts.lineage import open_lineage

    return Several([metrics, open_lineage(settings, settings.openlineage_endpoint)])
