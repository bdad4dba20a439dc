"""Reports each micro-batch of each streaming query as a JSON line in the log, as metrics, and as a trace.

Spark calls the listener on a thread that all queries share. So it only reads fields and queues values, and it logs its
own errors: metrics never slow a query down and never stop one.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pyspark import SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    JStreamingQueryListener,
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from streaming.alerts.measured import Metric, Metrics
from streaming.alerts.metric_places import open_for_the_job
from streaming.settings import Settings

log = logging.getLogger(__name__)

# An error of foreachBatch holds a Python traceback, with the message last, and then a Java traceback.
MAX_ERROR = 2000


def listen(spark: SparkSession, settings: Settings) -> Metrics:
    """Report on every query of the session from now on. The caller closes the returned metrics when the job ends."""
    metrics = open_for_the_job(settings)
    spark.streams.addListener(QueryMetrics(metrics))
    return metrics


class QueryMetrics(StreamingQueryListener):
    """Turns Spark's events into log lines and metrics; a query's name is its hop's. States: streaming/hop_states.py."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._starts: Counter[str] = Counter()
        self._names: dict[str, str] = {}

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 - Spark's name
        """A query started; each start but a hop's first is a restart."""
        try:
            hop = event.name or str(event.id)
            self._names[str(event.runId)] = hop
            self._starts[hop] += 1
            restarts = self._starts[hop] - 1
            self._log({"event": "started", "hop": hop, "restarts": restarts}, query=str(event.id))
        except Exception:
            log.exception("the start of a query could not be reported")

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        """Never called: _Bridge calls `on_progress` instead."""

    def on_progress(self, progress: Mapping[str, Any]) -> None:
        """A micro-batch was committed; `progress` is Spark's JSON of it."""
        try:
            hop = progress["name"] or progress["id"]
            parts = progress.get("durationMs") or {}
            seconds = parts.get("triggerExecution", 0) / 1000
            rows, rate = progress["numInputRows"], _number(progress.get("processedRowsPerSecond"))
            fields = {
                "batch": progress["batchId"],
                "input_rows": rows,
                "seconds": seconds,
                "rows_per_second": round(rate, 1),
            }
            self._log({"event": "batch", "hop": hop, **fields, "parts_ms": parts}, query=progress["id"])
            self._metrics.put(
                Metric("BatchSeconds", hop, seconds, "Seconds"),
                Metric("InputRows", hop, float(rows), "Count"),
                Metric("ProcessedRowsPerSecond", hop, rate, "Count/Second"),
            )
            self._metrics.batch(hop, progress)
        except Exception:
            log.exception("a micro-batch could not be reported")

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        """A query had nothing to do, which is not logged."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        """A query ended, with or without an error."""
        try:
            hop = self._names.pop(str(event.runId), str(event.id))
            failed = bool(event.exception)
            error = (event.exception or "")[:MAX_ERROR]
            self._log({"event": "ended", "hop": hop, "failed": failed, "error": error}, query=str(event.id))
        except Exception:
            log.exception("the end of a query could not be reported")

    @property
    def _jlistener(self) -> Any:
        if not hasattr(self, "_bridge"):
            jvm: Any = SparkContext._jvm
            self._bridge = jvm.PythonStreamingQueryListenerWrapper(_Bridge(self))
        return self._bridge

    def _log(self, fields: dict[str, Any], **place: str) -> None:
        log.info("%s", json.dumps(fields), extra={"fields": fields, **place})


class _Bridge(JStreamingQueryListener):
    """Reads a batch's progress as one JSON text. PySpark's class calls the JVM for each field: 8 % of the job's CPU."""

    pylistener: QueryMetrics

    def onQueryProgress(self, jevent: Any) -> None:  # noqa: N802
        self.pylistener.on_progress(json.loads(jevent.progress().json()))


def _number(value: float | None) -> float:
    """The value, or 0 for the NaN or infinity that Spark reports for a batch that took no time."""
    return value if value is not None and 0 <= value < float("inf") else 0.0
