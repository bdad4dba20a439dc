"""The watching loop over real gold tables, with alerts and metrics that go to lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from streaming.alerts.measured import Metric
from streaming.alerts.sns import Message
from streaming.alerts.watcher import Watcher
from streaming.delta.merge import KeyedMerge
from streaming.errors import SinkUnavailable
from streaming.quarantine.table import Quarantine
from streaming.settings import Settings
from streaming.tables import gold_freshness, gold_quality_by_minute
from streaming.tables.keyed_table import KeyedTable
from tests.builders import NOON


class Told:
    """Alerts as a list; `down` makes it refuse them."""

    def __init__(self, down: bool = False) -> None:
        self.down = down
        self.subjects: list[str] = []

    def publish(self, subject: str, message: Message) -> None:
        if self.down:
            raise SinkUnavailable("SNS is down")
        self.subjects.append(subject)


class Measured:
    """Metrics as a list."""

    def __init__(self) -> None:
        self.metrics: list[Metric] = []
        self.closed = False

    def put(self, *metrics: Metric) -> None:
        self.metrics += metrics

    def close(self) -> None:
        self.closed = True


class Noted:
    """What was sent, in memory."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}

    def read(self) -> dict[str, float]:
        return self.sent

    def write(self, sent: Mapping[str, float]) -> None:
        self.sent = dict(sent)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=str(tmp_path), checkpoints="", stream="events", status_file=str(tmp_path / "status.json"))


def hops_are(settings: Settings, **states: str) -> None:
    hops = {name: {"state": state, "restarts": 0, "error": "broken"} for name, state in states.items()}
    Path(settings.status_file or "").write_text(json.dumps({"hops": hops}))


def gold_has(settings: Settings, table: KeyedTable, *rows: dict[str, Any]) -> None:
    columns = pa.table({name: [row[name] for row in rows] for name in rows[0]})
    merged = KeyedMerge(table, settings.table(table.name), {}, "query")
    merged.apply(table.rows({name: columns[name] for name in columns.column_names}), 1)


def a_watcher(settings: Settings, alerts: Told, noted: Noted | None = None) -> Watcher:
    return Watcher(settings, alerts, Measured(), noted or Noted())  # type: ignore[arg-type]


def test_without_gold_and_status_all_is_quiet(settings: Settings) -> None:
    told = Told()
    assert a_watcher(settings, told)(NOON)["alerts"] == 0
    assert told.subjects == []


def test_a_failed_hop_is_told_of_once_per_cool_down_even_across_restarts(settings: Settings) -> None:
    hops_are(settings, ingest="running", load="failed")
    told, noted = Told(), Noted()
    watcher = a_watcher(settings, told, noted)
    watcher(NOON)
    watcher(NOON + timedelta(minutes=1))
    a_watcher(settings, told, noted)(NOON + timedelta(minutes=2))
    assert told.subjects == ["Moodstream: hop_failed load"]
    watcher(NOON + timedelta(minutes=30, seconds=1))
    assert len(told.subjects) == 2


def test_an_alert_that_could_not_be_sent_is_sent_later(settings: Settings) -> None:
    hops_are(settings, load="failed")
    told, noted = Told(down=True), Noted()
    with pytest.raises(SinkUnavailable):
        a_watcher(settings, told, noted)(NOON)
    told.down = False
    a_watcher(settings, told, noted)(NOON + timedelta(seconds=10))
    assert told.subjects == ["Moodstream: hop_failed load"]


def test_rejected_rows_of_gold_call_somebody(settings: Settings) -> None:
    rejected = {"minute": NOON, "entity": "rejected", "reason": "not_json", "events": 100, "late": 0}
    yesterday = {**rejected, "minute": NOON - timedelta(days=1), "reason": "empty_text"}
    gold_has(settings, gold_quality_by_minute.TABLE, rejected, yesterday)
    told = Told()
    a_watcher(settings, told)(NOON + timedelta(minutes=1))
    assert told.subjects == ["Moodstream: rejected_jump rejected"]


def test_each_batch_s_lag_is_measured_once(settings: Settings) -> None:
    def batch(number: int, at: datetime) -> dict[str, Any]:
        times = {"committed_at": at, "first_arrival": at, "last_arrival": at}
        return {"batch_id": number, "events": 1, "lag_p50_s": 1.0, "lag_p95_s": 2.5, **times}

    now = datetime.now(NOON.tzinfo)
    gold_has(settings, gold_freshness.TABLE, batch(1, now), batch(2, now - timedelta(seconds=5)))
    measured = Measured()
    watcher = Watcher(settings, Told(), measured, Noted())  # type: ignore[arg-type]
    for _ in range(2):
        watcher(now + timedelta(seconds=1))
    lags = [metric.value for metric in measured.metrics if metric.name == "LagSeconds"]
    assert lags == [2.5, 2.5]
    minutes = [metric.at for metric in measured.metrics if metric.name == "RejectedRows"]
    assert len(set(minutes)) == len(minutes) > 0


def test_rejected_rows_of_a_minute_are_measured_once_gold_has_counted_it_whole(settings: Settings) -> None:
    minute = datetime.now(NOON.tzinfo).replace(second=0, microsecond=0) - timedelta(minutes=4)
    rejected = {"minute": minute, "entity": "rejected", "reason": "not_json", "events": 7, "late": 0}
    gold_has(settings, gold_quality_by_minute.TABLE, rejected)
    measured = Measured()
    watcher = Watcher(settings, Told(), measured, Noted())  # type: ignore[arg-type]

    def counted() -> list[float]:
        return [each.value for each in measured.metrics if each.name == "RejectedRows" and each.at == minute]

    watcher(minute + timedelta(minutes=1, seconds=5))  # gold may still add to it
    assert counted() == []
    watcher(minute + timedelta(minutes=5, seconds=5))
    watcher(minute + timedelta(minutes=6))
    assert counted() == [7.0]


def test_a_refused_model_calls_somebody(settings: Settings) -> None:
    told = Told()
    refused = {"7": "polarity is not everywhere a number"}
    Watcher(settings, told, Measured(), Noted(), lambda: refused)(NOON)  # type: ignore[arg-type]
    assert told.subjects == ["Moodstream: model_refused version 7"]


def test_a_refused_challenger_is_told_of(settings: Settings) -> None:
    told = Told()
    refused = {"7": "no artefact"}
    watcher = Watcher(settings, told, Measured(), Noted(), refused_challengers=lambda: refused)  # type: ignore[arg-type]
    watcher(NOON)
    assert told.subjects == ["Moodstream: challenger_refused version 7"]


def test_rows_that_a_hop_left_out_call_somebody(settings: Settings) -> None:
    row = {"table_name": "silver/posts", "key": "e1", "error_class": "RowsRefused", "error": "no"}
    Quarantine(settings, "load").add([row], "query", 0)
    told, now = Told(), datetime.now(NOON.tzinfo)
    a_watcher(settings, told)(now)
    assert told.subjects == ["Moodstream: rows_quarantined load"]
    a_watcher(settings, told)(now + timedelta(hours=3))
    assert len(told.subjects) == 1
