"""gold and the job's status -> alerts (SNS) and metrics (CloudWatch): a loop without Spark jobs.

Fails alone: without SNS this hop is restarted until it is back, and whatever still is wrong then is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from streaming.alerts import rules
from streaming.alerts.cloudwatch import Metric, Metrics, open_metrics
from streaming.alerts.rules import Alert
from streaming.alerts.sns import Alerts, Topic
from streaming.delta.tables import recent
from streaming.files import Files
from streaming.loop import Loop, Running
from streaming.settings import Settings
from streaming.tables import (
    gold_drift_by_hour,
    gold_freshness,
    gold_quality_by_minute,
    gold_sentiment_by_minute,
    gold_sentiment_by_topic,
)

log = logging.getLogger(__name__)

# What was sent is remembered for as long as any alert stays quiet.
REMEMBERED = rules.DRIFT_QUIET
WINDOW = rules.RECENT + rules.BASELINE
FRESH = timedelta(minutes=10)


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - what every hop takes
    """Look at gold every `watch_interval` seconds; alerts go to the log alone where no topic is set."""
    alerts = Topic(settings, settings.alerts_topic) if settings.alerts_topic else Logged()
    files = Files(settings)
    state = State(files, f"{settings.checkpoint('watch')}/alerts.json")
    refused = State(files, f"{settings.checkpoint('refine-models')}/refused.json")
    shadow = State(files, f"{settings.checkpoint('observe')}/refused.json")
    watcher = Watcher(settings, alerts, open_metrics(settings), state, refused.read, shadow.read)
    return Loop("watch", watcher, settings.watch_interval)


class Logged:
    """Alerts that nobody subscribed to; every alert is in the log anyway."""

    def publish(self, subject: str, text: str) -> None:
        """Nothing more to do."""


class State:
    """A small JSON object beside the checkpoints: when each alert was sent last, in POSIX seconds by identity."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path

    def read(self) -> dict[str, Any]:
        """What was written last; nothing before that."""
        return dict(self._files.read_json(self._path) or {})

    def write(self, sent: Mapping[str, float]) -> None:
        """Replace it."""
        self._files.write_json(self._path, sent)


class Watcher:
    """One round of watching. An alert is noted after it was sent: a crash in between repeats it, and loses none.

    `refused` tells which model versions the refine hop would not take, and why (see scoring.py);
    `refused_challengers` the same of those that were to run in the shadow (see challenger.py).
    """

    def __init__(
        self,
        settings: Settings,
        alerts: Alerts,
        metrics: Metrics,
        state: State,
        refused: Callable[[], Mapping[str, str]] = dict,
        refused_challengers: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._settings = settings
        self._alerts = alerts
        self._metrics = metrics
        self._state = state
        self._refused = refused
        self._refused_challengers = refused_challengers
        self._sent: dict[str, float] | None = None
        self._measured_until = self._rejected_until = datetime.now(UTC) - FRESH

    def __call__(self, now: datetime | None = None) -> Mapping[str, Any]:
        """Look once; `now` is aware. Raises SinkUnavailable when an alert cannot be sent."""
        try:
            return self._looked(now or datetime.now(UTC))
        except Exception:
            # The next start of this hop opens its own.
            self._metrics.close()
            raise

    def _looked(self, now: datetime) -> Mapping[str, Any]:
        found = self._found(now)
        if self._sent is None:
            self._sent = self._state.read()
        due = rules.not_repeated(found, self._sent, now)
        for alert in due:
            log.warning(
                "%s", json.dumps({"event": "alert", "rule": alert.rule, "about": alert.subject, "text": alert.text})
            )
            self._alerts.publish(f"Moodstream: {alert.rule} {alert.subject}", alert.text)
            oldest = (now - REMEMBERED).timestamp()
            kept = {identity: time for identity, time in self._sent.items() if time >= oldest}
            self._sent = {**kept, alert.identity: now.timestamp()}
            self._state.write(self._sent)
        return {"numInputRows": 0, "alerts": len(due), "timestamp": now.isoformat()}

    def _found(self, now: datetime) -> list[Alert]:
        quality = recent(self._settings, gold_quality_by_minute.TABLE, now - WINDOW, now)
        freshness = recent(self._settings, gold_freshness.TABLE, now - FRESH, now)
        self._measure(freshness, quality, now)
        minutes = recent(self._settings, gold_sentiment_by_minute.TABLE, now - WINDOW, now)
        topics = recent(self._settings, gold_sentiment_by_topic.TABLE, now - WINDOW, now)
        drifts = recent(self._settings, gold_drift_by_hour.TABLE, now - 2 * rules.DRIFT_WINDOW, now)
        return [
            *rules.hop_trouble(self._hops()),
            *rules.model_refused(self._refused()),
            *rules.challenger_refused(self._refused_challengers()),
            *rules.stale_gold(freshness),
            *rules.rejected_jump(quality, now),
            *rules.sentiment_shift(minutes, "entity", now),
            *rules.sentiment_shift(topics, "topic", now),
            *rules.drift(drifts, now),
        ]

    def _measure(self, freshness: list[dict[str, Any]], quality: list[dict[str, Any]], now: datetime) -> None:
        new = [row for row in freshness if row["committed_at"] > self._measured_until]
        self._metrics.put(
            *(Metric("LagSeconds", "aggregate", row["lag_p95_s"], "Seconds", row["committed_at"]) for row in new)
        )
        self._measured_until = max([self._measured_until, *(row["committed_at"] for row in new)])
        minute = now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        if minute > self._rejected_until:
            rejected = sum(row["events"] for row in quality if row["entity"] == "rejected" and row["minute"] == minute)
            self._metrics.put(Metric("RejectedRows", "refine", float(rejected), "Count", minute))
            self._rejected_until = minute

    def _hops(self) -> Mapping[str, Any]:
        """The job's own status; empty where it writes none."""
        path = Path(self._settings.status_file or "")
        if not path.is_file():
            return {}
        hops: Mapping[str, Any] = json.loads(path.read_text())["hops"]
        return hops
