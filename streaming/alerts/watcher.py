"""Watches gold and the job's status: publishes alerts, and measures lag and rejected rows. No Spark job is needed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from streaming.alerts import incident_watch, rules
from streaming.alerts.measured import Metric, Metrics
from streaming.alerts.rules import Alert
from streaming.alerts.sns import Alerts, Message
from streaming.delta.tables import recent
from streaming.files import Files
from streaming.quarantine import table as quarantine
from streaming.settings import Settings
from streaming.status import hops_in
from streaming.tables import (
    gold_drift_by_hour,
    gold_freshness,
    gold_quality_by_minute,
)

log = logging.getLogger(__name__)

# Sent alerts are remembered for the longest time that a rule stays quiet.
REMEMBERED = rules.DRIFT_QUIET
WINDOW = rules.RECENT + rules.BASELINE
FRESH = timedelta(minutes=10)
# If no newer event arrives, a minute counts as complete after this time.
SETTLED = timedelta(minutes=5)
# Incidents that were seen within this time may still need an alert: they began, changed or ended.
INCIDENTS_SEEN = timedelta(minutes=30)


class Logged:
    """Publishes nothing. It is used where there is no SNS topic; the watcher logs every alert anyway."""

    def publish(self, subject: str, message: Message) -> None:
        """Do nothing."""


class State:
    """A JSON object in a file beside the checkpoints, such as the time of each alert (POSIX seconds by identity)."""

    def __init__(self, files: Files, path: str) -> None:
        self._files = files
        self._path = path

    def read(self) -> dict[str, Any]:
        """The object that was written last; empty before the first."""
        return dict(self._files.read_json(self._path) or {})

    def write(self, value: Mapping[str, Any]) -> None:
        """Replace the object."""
        self._files.write_json(self._path, value)


class Watcher:
    """One round of watching. Guarantee: at least once, because an alert is noted after it was sent.

    `refused` returns the model versions that the refine hop refused, each with the reason (scoring/champion.py);
    `refused_challengers` those that shadow scoring refused (scoring/challenger.py). `incidents` brings gold/incidents
    up to date (incident_watch.py), `cost` is given the newest rows of gold/freshness (cost.py).
    """

    def __init__(
        self,
        settings: Settings,
        alerts: Alerts,
        metrics: Metrics,
        state: State,
        refused: Callable[[], Mapping[str, str]] = dict,
        refused_challengers: Callable[[], Mapping[str, str]] = dict,
        incidents: Callable[[datetime], None] = lambda _: None,
        cost: Callable[[Sequence[Mapping[str, Any]], datetime], None] = lambda _rows, _now: None,
    ) -> None:
        self._settings = settings
        self._alerts = alerts
        self._metrics = metrics
        self._state = state
        self._refused = refused
        self._refused_challengers = refused_challengers
        self._incidents = incidents
        self._cost = cost
        self._sent: dict[str, float] | None = None
        self._measured_until = datetime.now(UTC) - FRESH
        self._rejected_until = self._measured_until.replace(second=0, microsecond=0)

    def __call__(self, now: datetime | None = None) -> Mapping[str, Any]:
        """Watch once; `now` has a time zone. Raises SinkUnavailable when an alert cannot be sent."""
        try:
            return self._round(now or datetime.now(UTC))
        except Exception:
            # The next start of this hop opens new metrics.
            self._metrics.close()
            raise

    def _round(self, now: datetime) -> Mapping[str, Any]:
        found = self._found(now)
        if self._sent is None:
            self._sent = self._state.read()
        due = rules.not_repeated(found, self._sent, now)
        for alert in due:
            log.warning("%s", json.dumps(logged(alert)), extra={"fields": logged(alert)})
            self._alerts.publish(f"Moodstream: {alert.rule} {alert.subject}", forms(alert))
            oldest = (now - REMEMBERED).timestamp()
            kept = {identity: time for identity, time in self._sent.items() if time >= oldest}
            self._sent = {**kept, alert.identity: now.timestamp()}
            self._state.write(self._sent)
        return {"numInputRows": 0, "alerts": len(due), "timestamp": now.isoformat()}

    def _found(self, now: datetime) -> list[Alert]:
        self._incidents(now)
        quality = recent(self._settings, gold_quality_by_minute.TABLE, now - WINDOW, now)
        freshness = recent(self._settings, gold_freshness.TABLE, now - FRESH, now)
        self._measure(freshness, quality, now)
        self._cost(freshness, now)
        drifts = recent(self._settings, gold_drift_by_hour.TABLE, now - 2 * rules.DRIFT_WINDOW, now)
        return [
            *rules.hop_trouble(hops_in(self._settings.status_file)),
            *rules.model_refused(self._refused()),
            *rules.challenger_refused(self._refused_challengers()),
            *rules.rows_quarantined(quarantine.since(self._settings, now - rules.QUARANTINE_WINDOW)),
            *rules.stale_gold(freshness),
            *rules.rejected_jump(quality, now),
            *incident_watch.alerts(self._settings, now, INCIDENTS_SEEN),
            *rules.drift(drifts, now),
        ]

    def _measure(self, freshness: list[dict[str, Any]], quality: list[dict[str, Any]], now: datetime) -> None:
        new = [row for row in freshness if row["committed_at"] > self._measured_until]
        self._metrics.put(
            *(Metric("LagSeconds", "aggregate", row["lag_p95_s"], "Seconds", row["committed_at"]) for row in new)
        )
        self._measured_until = max([self._measured_until, *(row["committed_at"] for row in new)])
        counted = _counted_until(freshness, now)
        while (minute := self._rejected_until + timedelta(minutes=1)) <= counted:
            rejected = sum(row["events"] for row in quality if row["entity"] == "rejected" and row["minute"] == minute)
            self._metrics.put(Metric("RejectedRows", "refine", float(rejected), "Count", minute))
            self._rejected_until = minute


def logged(alert: Alert) -> dict[str, Any]:
    """The log line of an alert; it has `data` only if the alert has a form for programs."""
    line = {"event": "alert", "rule": alert.rule, "about": alert.subject, "text": alert.text}
    return line if alert.data is None else {**line, "data": alert.data}


def forms(alert: Alert) -> Message:
    """The message that is published for an alert: its text, or all of its forms."""
    if alert.data is None:
        return Message(alert.text)
    return Message(alert.text, alert.sms, json.dumps(logged(alert)))


def _counted_until(freshness: list[dict[str, Any]], now: datetime) -> datetime:
    """The newest minute that gold has counted completely: it has events two minutes later, or SETTLED has passed."""
    minute = timedelta(minutes=1)
    arrived = max((row["last_arrival"] for row in freshness), default=now - FRESH)
    settled = max(arrived - 3 * minute, now - SETTLED)
    return min(settled, now - 2 * minute).replace(second=0, microsecond=0)
