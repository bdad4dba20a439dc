"""What an OpenTelemetry collector receives: read from the wire, in OTLP's own protocol."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streaming.alerts.measured import Metric, NoMetrics
from streaming.alerts.metric_places import Several, open_metrics
from streaming.alerts.otlp import Otlp, otel_name
from streaming.settings import Settings

PROGRESS = {
    "timestamp": "2026-01-05T10:00:00.000Z",
    "batchId": 7,
    "numInputRows": 120,
    "durationMs": {"latestOffset": 20, "addBatch": 300, "triggerExecution": 350},
}


class Collector(ThreadingHTTPServer):
    """Keeps what is posted to it, by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def metrics(self) -> dict[str, Any]:
        found = {}
        for path, body in self.received:
            if path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    found |= {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
        return found

    def spans(self) -> list[Any]:
        bodies = [body for path, body in self.received if path == "/v1/traces"]
        requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
        return [s for each in requests for r in each.resource_spans for scope in r.scope_spans for s in scope.spans]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_counts_are_sums_times_of_batches_distributions_and_states_gauges(collector: Collector) -> None:
    sending = Otlp(collector.url)
    sending.put(Metric("InputRows", "refine", 100.0, "Count"), Metric("InputRows", "refine", 20.0, "Count"))
    sending.put(Metric("BatchSeconds", "refine", 1.5, "Seconds"), Metric("HopState", "load", 1.0, "Count"))
    sending.close()

    found = collector.metrics()
    [rows] = found["moodstream.input.rows"].sum.data_points
    assert rows.as_double == 120.0
    assert rows.attributes[0].value.string_value == "refine"
    [seconds] = found["moodstream.batch.seconds"].histogram.data_points
    assert (seconds.count, seconds.sum) == (1, 1.5)
    assert found["moodstream.batch.seconds"].unit == "s"
    [state] = found["moodstream.hop.state"].gauge.data_points
    assert state.as_double == 1.0


def test_a_batch_is_a_trace_with_a_span_for_each_part(collector: Collector) -> None:
    sending = Otlp(collector.url)
    sending.batch("refine", PROGRESS)
    sending.close()

    spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {"refine batch", "latestOffset", "addBatch"}
    whole = spans["refine batch"]
    begin = int(datetime(2026, 1, 5, 10, tzinfo=UTC).timestamp()) * 10**9
    assert (whole.start_time_unix_nano, whole.end_time_unix_nano - begin) == (begin, 350_000_000)
    assert {span.parent_span_id for name, span in spans.items() if name != "refine batch"} == {whole.span_id}
    assert spans["addBatch"].start_time_unix_nano == begin + 20_000_000


def test_a_collector_that_is_not_there_holds_nobody_up() -> None:
    sending = Otlp("http://127.0.0.1:9")
    for _ in range(1000):
        sending.put(Metric("InputRows", "refine", 1.0, "Count"))
    sending.batch("refine", PROGRESS)
    sending.close()


def test_the_settings_say_where_metrics_go(collector: Collector) -> None:
    def opened(**named: str) -> Any:
        return open_metrics(Settings("lake", "checkpoints", "events", **named))

    nowhere, one = opened(), opened(otlp_endpoint=collector.url)
    both = opened(otlp_endpoint=collector.url, metrics_namespace="Moodstream", aws_endpoint="http://127.0.0.1:9")
    assert isinstance(nowhere, NoMetrics)
    assert isinstance(one, Otlp)
    assert isinstance(both, Several)
    for each in (nowhere, one, both):
        each.close()


@pytest.mark.parametrize(
    ("name", "told"), [("BatchSeconds", "moodstream.batch.seconds"), ("HopState", "moodstream.hop.state")]
)
def test_names_are_those_of_opentelemetry(name: str, told: str) -> None:
    assert otel_name(name) == told
