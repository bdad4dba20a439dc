"""Every alarm and widget watches what the job really sends, and each of its own alarms fires and ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from connectors.counts import Counts
from connectors.metrics import Metrics
from connectors.session import Troubles
from deploy.infra.checks.resolve import Templates
from deploy.local import aws
from docs.generate.metrics import sent, sent_by_connectors
from streaming.alerts.cloudwatch import CloudWatch
from streaming.alerts.cost import CostWatch, Used
from streaming.alerts.measured import Metric, NoMetrics
from streaming.alerts.metric_places import open_metrics
from streaming.alerts.sns import Message
from streaming.alerts.watcher import Watcher
from streaming.delta.merge import KeyedMerge
from streaming.hop_states import HopStates
from streaming.metrics import QueryMetrics
from streaming.settings import HOPS, Settings
from streaming.tables import gold_freshness

NAMESPACE = "Moodstream"
OURS = {"hop-failed", "hop-restarts", "hop-lag", "hop-stalled", "no-metrics", "many-rejected", "source-silent"}
SOURCE = "bluesky"  # what the templates read by default
QUERIES = ("ingest", "refine", "aggregate", "load")
COMPARED: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, limit: value > limit,
    "LessThanThreshold": lambda value, limit: value < limit,
    "LessThanOrEqualToThreshold": lambda value, limit: value <= limit,
}
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": lambda values: float(len(values)),
}


class Measured(NoMetrics):
    """Metrics as a list."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []

    def put(self, *metrics: Metric) -> None:
        self.metrics += metrics


def alarms(templates: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alarms on the metrics of the job and of a connector."""
    every = [alarm.properties for alarm in Templates(templates).resources("AWS::CloudWatch::Alarm")]
    return [alarm for alarm in every if alarm["Namespace"] == NAMESPACE]


def subject(alarm: Mapping[str, Any]) -> tuple[str, str]:
    [dimension] = alarm["Dimensions"]
    assert dimension["Name"] == ("Source" if dimension["Value"] == SOURCE else "Hop")
    return alarm["MetricName"], dimension["Value"]


def sendable() -> set[tuple[str, str]]:
    """What the code can send, as (metric, hop or source): read from the calls that make a metric."""
    found = {(name, SOURCE) for name, _ in sent_by_connectors()}
    for name, hop, path in sent():
        hops = (hop,) if hop else QUERIES if path == "streaming/metrics.py" else HOPS
        found |= {(name, each) for each in hops}
    return found


def widgets(templates: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    resolved = Templates(templates)
    for board in resolved.resources("AWS::CloudWatch::Dashboard"):
        for widget in json.loads(board.properties["DashboardBody"])["widgets"]:
            for line in widget["properties"]["metrics"]:
                if line[0] == NAMESPACE:
                    assert line[2] == "Hop", line
                    yield line[1], line[3]


def test_each_alarm_watches_a_metric_that_the_job_sends(templates: Mapping[str, Any]) -> None:
    assert {subject(alarm) for alarm in alarms(templates)} - sendable() == set()


def test_each_widget_shows_a_metric_that_the_job_sends(templates: Mapping[str, Any]) -> None:
    shown = set(widgets(templates))
    assert len(shown) > 20
    assert shown - sendable() == set()


def test_every_hop_has_its_alarms(templates: Mapping[str, Any]) -> None:
    watched = {subject(alarm) for alarm in alarms(templates)}
    for metric in ("HopFailed", "Restarts", "HopStalled"):
        assert {hop for name, hop in watched if name == metric} == set(HOPS)


def test_the_supervisor_s_metrics_are_those_that_the_code_is_read_to_send() -> None:
    measured = Measured()
    HopStates(measured)({name: a_hop() for name in HOPS})
    made = {(metric.name, metric.hop) for metric in measured.metrics}
    assert made == {(name, hop) for name, hop, path in _expanded() if path == "streaming/hop_states.py"}


def _expanded() -> Iterator[tuple[str, str, str]]:
    for name, hop, path in sent():
        for each in (hop,) if hop else HOPS:
            yield name, each, path


def a_hop(state: str = "running", restarts: int = 0, ago: float = 0.0) -> dict[str, Any]:
    at = datetime.now(UTC) - timedelta(seconds=ago)
    return {"state": state, "restarts": restarts, "error": "broken", "last_batch_at": at.isoformat()}


def fires(alarm: Mapping[str, Any], periods: list[list[float]]) -> bool:
    """CloudWatch's evaluation of the newest periods of an alarm: `periods` are the values of each, oldest first."""
    needed = alarm["EvaluationPeriods"]
    newest = ([[]] * needed + periods)[-needed:]
    breaching = alarm["TreatMissingData"] == "breaching"
    holds = COMPARED[alarm["ComparisonOperator"]]
    return all(
        holds(STATISTICS[alarm["Statistic"]](values), float(alarm["Threshold"])) if values else breaching
        for values in newest
    )


def driven(templates: Mapping[str, Any], name: str, hop: str, *looks: dict[str, Any]) -> list[bool]:
    """Whether the alarm is on after each period in which the hop looked so; it is measured twice a minute."""
    [alarm] = [a for a in alarms(templates) if a["AlarmName"] == f"moodstream-{name}-{hop}"]
    now = 0.0
    measured, periods, on = Measured(), [], []
    states = HopStates(measured, lambda: now)
    for look in looks:
        measured.metrics.clear()
        for _ in range(int(alarm["Period"]) // 30):
            states({"ingest": a_hop(), "aggregate": a_hop(), hop: look})
            now += 30.0
        periods.append([m.value for m in measured.metrics if (m.name, m.hop) == subject(alarm)])
        on.append(fires(alarm, periods))
    return on


@pytest.mark.parametrize("hop", HOPS)
def test_a_hop_that_failed_for_good_keeps_its_alarm_on_and_one_that_runs_ends_it(
    hop: str, templates: Mapping[str, Any]
) -> None:
    failed, well = a_hop("failed"), a_hop()
    assert driven(templates, "hop-failed", hop, well, failed, failed, well) == [False, True, True, False]


@pytest.mark.parametrize("hop", HOPS)
def test_a_hop_that_restarts_again_and_again_fires_after_a_quarter_of_an_hour(
    hop: str, templates: Mapping[str, Any]
) -> None:
    looks = [a_hop("waiting", restarts) for restarts in (0, 4, 8, 12)] + [a_hop("running", 12)]
    assert driven(templates, "hop-restarts", hop, *looks) == [False, False, False, True, False]


def test_a_loop_that_stalls_fires_like_a_query(templates: Mapping[str, Any]) -> None:
    stalled, well = a_hop(ago=600), a_hop()
    on = driven(templates, "hop-stalled", "serve", well, stalled, stalled, stalled, well)
    assert on == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("name", "hop", "bad", "good"),
    [
        ("hop-lag", "", [[300.0]] * 5, [[3.0]]),
        ("many-rejected", "", [[600.0, 600.0]] * 2, [[0.0]]),
        ("no-metrics", "", [[], []], [[2.0]]),
        ("source-silent", f"-{SOURCE}", [[]] * 15, [[0.02]]),
        ("source-silent", f"-{SOURCE}", [[0.0]] * 15, [[0.02]]),
    ],
)
def test_lag_rejections_and_silence_fire_and_end(
    name: str, hop: str, bad: list[list[float]], good: list[list[float]], templates: Mapping[str, Any]
) -> None:
    [alarm] = [a for a in alarms(templates) if a["AlarmName"] == f"moodstream-{name}{hop}"]
    assert fires(alarm, bad)
    assert not fires(alarm, [*bad, *good])


def test_no_alarm_of_the_job_is_left_out_here(templates: Mapping[str, Any]) -> None:
    names = {alarm["AlarmName"].removeprefix("moodstream-") for alarm in alarms(templates)}
    assert {name for name in names if not any(name.startswith(ours) for ours in OURS)} == set()


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str, tuple[str, str]]]:
    """Every (namespace, metric, dimension) of the PutMetricData requests that the job's parts make."""
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    found: set[tuple[str, str, tuple[str, str]]] = set()

    def record(params: Mapping[str, Any], **_: Any) -> None:
        for datum in params["MetricData"]:
            [dimension] = datum["Dimensions"]
            found.add((params["Namespace"], datum["MetricName"], (dimension["Name"], dimension["Value"])))

    def answer(**_: Any) -> tuple[Any, dict[str, Any]]:
        return SimpleNamespace(status_code=200), {}  # instead of a request

    settings = Settings(lake=str(tmp_path), checkpoints=str(tmp_path), stream="events", metrics_namespace=NAMESPACE)
    metrics = open_metrics(settings)
    assert isinstance(metrics, CloudWatch)
    client = metrics._client
    events = client.meta.events
    events.register("provide-client-params.cloudwatch.PutMetricData", record)
    events.register("before-call.cloudwatch.PutMetricData", answer)
    HopStates(metrics)({name: a_hop() for name in HOPS})
    for name in QUERIES:
        QueryMetrics(metrics).on_progress({"id": "a query", "name": name, "batchId": 1, "numInputRows": 1})
    now = datetime.now(UTC)
    gold_of_a_batch(settings, now)
    Watcher(settings, Nobody(), metrics, Nothing())(now + timedelta(seconds=1))
    cost = CostWatch(replace(settings, core_hour_usd=0.07), metrics, lambda: Used(1, 1, 10), iter((0, 60)).__next__)
    for batches in ([], [{"batch_id": 2, "events": 1}]):
        cost(batches, now)
    metrics.close()
    Metrics(client, NAMESPACE, SOURCE, Counts(SOURCE, None, Troubles()), print).close()
    return found


class Nobody:
    """Alerts go nowhere."""

    def publish(self, subject: str, message: Message) -> None:
        """Forget it."""


class Nothing:
    """No alert was sent before."""

    def read(self) -> dict[str, float]:
        return {}

    def write(self, sent: Mapping[str, float]) -> None:
        """Forget it."""


def gold_of_a_batch(settings: Settings, now: datetime) -> None:
    """A batch in gold/freshness that was committed just now."""
    times = {"committed_at": now, "first_arrival": now, "last_arrival": now}
    row = {"batch_id": 1, **times, "events": 1, "lag_p50_s": 1.0, "lag_p95_s": 2.0}
    merged = KeyedMerge(gold_freshness.TABLE, settings.table(gold_freshness.NAME), {}, "test")
    columns = {name: pa.chunked_array([[value]]) for name, value in row.items()}
    merged.apply(gold_freshness.TABLE.rows(columns), 1)


def test_every_alarm_and_widget_is_about_a_metric_that_was_recorded_when_it_was_sent(
    templates: Mapping[str, Any], recorded: set[tuple[str, str, tuple[str, str]]]
) -> None:
    watched = {
        (NAMESPACE, metric, ("Source" if value == SOURCE else "Hop", value))
        for metric, value in map(subject, alarms(templates))
    }
    shown = {(NAMESPACE, metric, ("Hop", hop)) for metric, hop in widgets(templates)}
    assert watched - recorded == set()
    assert shown - recorded == set()
