"""Amazon CloudWatch as a sink for metrics.

Guarantee: at most once, and never blocks: `put` returns at once, and a thread sends the queued metrics. Metrics that
cannot be sent are dropped, and the log has their number.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from streaming.alerts.measured import Metric
from streaming.settings import Settings

log = logging.getLogger(__name__)

SEND_EVERY_S = 10.0
# PutMetricData takes 1,000 a call.
MAX_PER_CALL = 500
MAX_WAITING = 5000
TIMEOUTS = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})


class CloudWatch:
    """One namespace; `put` may be called by any thread."""

    def __init__(self, settings: Settings, namespace: str, every: float = SEND_EVERY_S) -> None:
        self._namespace = namespace
        self._every = every
        self._waiting: queue.Queue[Metric] = queue.Queue(MAX_WAITING)
        self._closing = threading.Event()
        self._client: Any = boto3.client(
            "cloudwatch", region_name=settings.region, endpoint_url=settings.aws_endpoint, config=TIMEOUTS
        )
        self._thread = threading.Thread(target=self._run, name="cloudwatch", daemon=True)
        self._thread.start()

    def put(self, *metrics: Metric) -> None:
        """Queue the metrics; when the queue is full they are dropped."""
        for metric in metrics:
            try:
                self._waiting.put_nowait(metric)
            except queue.Full:
                return

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:
        """CloudWatch has no traces."""

    def close(self) -> None:
        """Send the queued metrics and end the thread; takes a few seconds, even if CloudWatch does not answer."""
        self._closing.set()
        self._thread.join(timeout=3 * (TIMEOUTS.connect_timeout + TIMEOUTS.read_timeout))  # type: ignore[attr-defined]

    def _run(self) -> None:
        while not self._closing.wait(self._every):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while metrics := self._gathered():
            try:
                self._client.put_metric_data(Namespace=self._namespace, MetricData=[_datum(each) for each in metrics])
            except (BotoCoreError, ClientError) as error:
                log.warning("CloudWatch did not take %d metrics, they are dropped: %s", len(metrics), error)
                return

    def _gathered(self) -> Sequence[Metric]:
        metrics: list[Metric] = []
        while len(metrics) < MAX_PER_CALL:
            try:
                metrics.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return metrics


def _datum(metric: Metric) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Dimensions": [{"Name": "Hop", "Value": metric.hop}],
        "Timestamp": metric.at,
        "Value": metric.value,
        "Unit": metric.unit,
    }
