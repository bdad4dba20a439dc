"""Sends what each batch read and wrote to a catalog that takes OpenLineage over HTTP, such as Marquez.

Guarantee: at most once, and never blocks: whoever works at a batch only queues what it noted, and a thread makes and
sends the events. What the catalog does not take is dropped, and the log says so. A batch that neither read rows nor
wrote anything, and a round of a loop that wrote nothing, are not sent.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from openlineage.client.transport.http import (
    ApiKeyTokenProvider,
    HttpConfig,
    HttpTransport,
    TokenProvider,
)

from streaming import batch_record
from streaming.alerts.lineage_events import Finished, events
from streaming.alerts.measured import Metric, NoMetrics
from streaming.batch_record import BatchRecord
from streaming.settings import Settings

log = logging.getLogger(__name__)

MAX_WAITING = 1000
TIMEOUT_S = 5.0
# Seconds that `close` waits for the queued events.
CLOSE_WITHIN = 10.0

Emit = Callable[[Any], object]


class Lineage(NoMetrics):
    """One catalog; every method may be called by any thread, returns at once and never raises."""

    def __init__(self, settings: Settings, emit: Emit) -> None:
        """`emit` sends one event; it may take long, and may raise."""
        self._settings = settings
        self._emit = emit
        self._waiting: queue.Queue[Finished | None] = queue.Queue(MAX_WAITING)
        # Batches of queries whose progress Spark has not reported yet: it has the offsets that they read.
        self._unreported: OrderedDict[tuple[str, int], BatchRecord] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="lineage", daemon=True)
        self._thread.start()

    def put(self, *metrics: Metric) -> None:
        """A catalog takes no metrics."""

    def finished(self, record: BatchRecord, failure: BaseException | None) -> None:
        """Take what a batch noted; an observer of streaming.batch_record."""
        if failure is None and record.query is not None:
            with self._lock:
                self._unreported[record.query, record.batch] = record
                if len(self._unreported) > MAX_WAITING:
                    self._unreported.popitem(last=False)
        elif failure is not None or record.writes:
            self._queue(Finished(record, failure))

    def batch(self, hop: str, progress: Mapping[str, Any]) -> None:  # noqa: ARG002 - what every place takes
        """Send the batch that Spark reports."""
        with self._lock:
            record = self._unreported.pop((progress["id"], progress["batchId"]), None)
        # Spark counts no rows for the batches of `aggregate`, which are collected, and reports none.
        if record is not None and (progress["numInputRows"] or record.writes):
            self._queue(Finished(record, None, progress))

    def close(self) -> None:
        """Send what is queued and end the thread; takes some seconds at most, even if the catalog does not answer."""
        try:
            self._waiting.put(None, timeout=CLOSE_WITHIN / 2)
        except queue.Full:
            return
        self._thread.join(CLOSE_WITHIN / 2)

    def _queue(self, finished: Finished) -> None:
        try:
            self._waiting.put_nowait(finished)
        except queue.Full:
            # The log has said that the catalog takes nothing, or it will.
            return

    def _run(self) -> None:
        failing = False
        while (finished := self._waiting.get()) is not None:
            try:
                for event in events(self._settings, finished):
                    self._emit(event)
            except Exception as error:
                # Once an outage, not once an event.
                if not failing:
                    log.warning("the catalog takes no lineage, which is dropped until it does: %s", error)
                failing = True
            else:
                if failing:
                    log.warning("the catalog takes lineage again")
                failing = False


def open_lineage(settings: Settings, endpoint: str) -> Lineage:
    """Send the lineage of every batch of this process to the catalog at `endpoint` from now on."""
    key = settings.openlineage_api_key
    token = ApiKeyTokenProvider({"api_key": key}) if key else TokenProvider({})
    # No retries: what comes next matters more, and would have to wait.
    config = HttpConfig(endpoint, timeout=TIMEOUT_S, auth=token, retry={"total": 0})
    lineage = Lineage(settings, HttpTransport(config).emit)
    batch_record.observe(lineage.finished)
    return lineage
