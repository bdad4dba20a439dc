"""Sends a connector's rate, lag and reconnects to Amazon CloudWatch.

Guarantee: at most once, and never in the way: a thread of its own measures and sends once a minute. What cannot be
sent is dropped, and said once until sending works again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from connectors.counts import Counts

EVERY_S = 60.0  # an alarm looks at whole minutes
LAST_S = 5.0  # the end of a run waits so long for the last values


class Measure(NamedTuple):
    """One value of a metric, with a unit as CloudWatch spells it."""

    name: str
    value: float
    unit: str


class Metrics:
    """The metrics of one source, in one namespace, from the start of the thread until `close`."""

    def __init__(
        self,
        client: Any,
        namespace: str,
        source: str,
        counts: Counts,
        tell: Callable[[str], None],
        every: float = EVERY_S,
    ) -> None:
        self._client, self._namespace, self._source = client, namespace, source
        self._counts, self._tell, self._every = counts, tell, every
        self._before = (time.monotonic(), 0, 0)  # when it was measured last, and the counts then
        self._failing = False
        self._closing = Flag()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the last values and end the thread; gives up after some seconds."""
        self._closing.set()
        self._thread.join(LAST_S)

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._every)
            self._send(self._measured())

    def _measured(self) -> list[Measure]:
        """The values since the last call; without a lag before the first event."""
        at, acked, reconnects = self._before
        now = time.monotonic()
        measured = self._counts.measured()
        self._before = (now, measured.acked, measured.reconnects)
        rate = (measured.acked - acked) / max(now - at, 1e-6)
        measures = [
            Measure("SourceEventsPerSecond", rate, "Count/Second"),
            Measure("SourceReconnects", measured.reconnects - reconnects, "Count"),
        ]
        if measured.lag_s is not None:
            measures.append(Measure("SourceLagSeconds", measured.lag_s, "Seconds"))
        return measures

    def _send(self, measures: list[Measure]) -> None:
        dimensions = [{"Name": "Source", "Value": self._source}]
        data = [{"MetricName": m.name, "Dimensions": dimensions, "Value": m.value, "Unit": m.unit} for m in measures]
        try:
            self._client.put_metric_data(Namespace=self._namespace, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            if not self._failing:
                self._tell(f"metrics are not sent to CloudWatch: {' '.join(str(error).split())}")
            self._failing = True
        else:
            self._failing = False
