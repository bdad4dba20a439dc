"""Sends the job's metrics, and a trace of each micro-batch, to an OpenTelemetry collector over OTLP/HTTP.

Guarantee: as for CloudWatch, at most once, and never blocks: the SDK's own threads send, and the SDK drops and logs
what the collector refuses. Headers, such as a collector's token, come from OTEL_EXPORTER_OTLP_HEADERS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer, set_span_in_context

from streaming.alerts.measured import Metric

SCOPE = "moodstream"
SEND_EVERY_MS = 10_000
TIMEOUT_S = 5.0
# These metrics are counters and these are histograms; all others are gauges.
COUNTED = ("InputRows", "RejectedRows", "Restarts")
DISTRIBUTED = ("BatchSeconds",)
# A count has no unit: Prometheus appends `_ratio` to the name of a gauge with unit 1.
UNITS = {"Seconds": "s", "Count/Second": "1/s"}
NANOSECONDS = 1_000_000_000


class Otlp:
    """One collector, at the endpoint's base URL; `put` and `batch` may be called by any thread."""

    def __init__(self, endpoint: str, every_ms: float = SEND_EVERY_MS) -> None:
        base, resource = endpoint.rstrip("/"), Resource.create({"service.name": SCOPE})
        sending = OTLPMetricExporter(f"{base}/v1/metrics", timeout=TIMEOUT_S)
        reader = PeriodicExportingMetricReader(sending, every_ms, TIMEOUT_S * 1000)
        self._metrics = MeterProvider([reader], resource)
        self._traces = TracerProvider(resource=resource)
        spans = BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces", timeout=TIMEOUT_S))
        self._traces.add_span_processor(spans)
        self._meter, self._tracer = self._metrics.get_meter(SCOPE), self._traces.get_tracer(SCOPE)
        self._instruments: dict[str, Any] = {}

    def put(self, *metrics: Metric) -> None:
        """Record the metrics; the SDK sends them."""
        for metric in metrics:
            self._instrument(metric)(metric.value, {"hop": metric.hop})

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """Record a trace of a micro-batch from Spark's progress."""
        trace_batch(self._tracer, hop, progress)

    def close(self) -> None:
        """Send all that is queued; takes some seconds at most, even if the collector does not answer."""
        self._metrics.shutdown(TIMEOUT_S * 1000)
        self._traces.shutdown()

    def _instrument(self, metric: Metric) -> Any:
        """The SDK's function that records a value of this metric."""
        if metric.name not in self._instruments:
            make, take = self._kind(metric.name)
            instrument = make(otel_name(metric.name), UNITS.get(metric.unit, ""))
            self._instruments[metric.name] = getattr(instrument, take)
        return self._instruments[metric.name]

    def _kind(self, name: str) -> tuple[Any, str]:
        if name in COUNTED:
            return self._meter.create_counter, "add"
        if name in DISTRIBUTED:
            return self._meter.create_histogram, "record"
        return self._meter.create_gauge, "set"


def otel_name(name: str) -> str:
    """`moodstream.batch.seconds` for BatchSeconds."""
    return f"{SCOPE}.{'.'.join(re.findall('[A-Z][a-z]*', name)).lower()}"


def trace_batch(tracer: Tracer, hop: str, progress: Mapping[str, Any]) -> None:
    """Record a span for the batch, with a child span for each part that Spark times; parts follow one another."""
    begin = int(datetime.fromisoformat(progress["timestamp"]).timestamp() * NANOSECONDS)
    parts: Mapping[str, int] = progress.get("durationMs") or {}
    attributes = {"hop": hop, "batch": progress["batchId"], "input_rows": progress["numInputRows"]}
    span = tracer.start_span(f"{hop} batch", start_time=begin, attributes=attributes)
    within, start = set_span_in_context(span), begin
    for name, milliseconds in parts.items():
        if name == "triggerExecution":
            continue
        part = tracer.start_span(name, context=within, start_time=start)
        start += milliseconds * NANOSECONDS // 1000
        part.end(start)
    span.end(max(start, begin + parts.get("triggerExecution", 0) * NANOSECONDS // 1000))
