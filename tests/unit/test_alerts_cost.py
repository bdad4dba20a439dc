"""What the job measures of its own cost, over real gold tables, with a clock and a machine that the test sets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.infra.cost import core_hour_usd, cores, estimate, measured
from streaming.alerts.cost import CostWatch, Used, cpu_seconds
from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.tables import gold_cost_by_minute
from tests.builders import NOON
from tests.unit.test_alerts_watcher import Measured


class Job:
    """A job that uses two cores for 54 of 60 seconds each and counts a thousand events a second."""

    def __init__(self, lake: Path, price: float | None = 0.072, cores: int = 2) -> None:
        self.seconds = 0.0
        self.metrics = Measured()
        self._cores = cores
        settings = Settings(lake=str(lake), checkpoints="", stream="s", core_hour_usd=price)
        self.watch = CostWatch(settings, self.metrics, self._used, lambda: self.seconds)

    def _used(self) -> Used:
        return Used(1.8 * self.seconds, 0.5 * self.seconds, self._cores)

    def works(self, seconds: float, *batches: int, each: int = 30_000) -> None:
        self.seconds += seconds
        freshness = [{"batch_id": batch, "events": each} for batch in batches]
        self.watch(freshness, NOON + timedelta(seconds=self.seconds))


def rows(lake: Path) -> Sequence[dict[str, Any]]:
    settings = Settings(lake=str(lake), checkpoints="", stream="s")
    return read(open_table(settings, gold_cost_by_minute.NAME)).sort_by("minute").to_pylist()


def test_a_minute_has_the_cpu_seconds_the_events_and_the_price_of_the_cores(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.works(0, 0)
    job.works(60, 0, 1, 2)
    [row] = rows(tmp_path)
    assert (row["minute"], row["events"], row["seconds"], row["core_s"]) == (NOON, 60_000, 60, 120)
    assert row["cpu_s"] == pytest.approx(108)
    assert row["usd"] == pytest.approx(120 / 3600 * 0.072)
    found = {metric.name: (metric.hop, round(metric.value, 4)) for metric in job.metrics.metrics}
    assert found == {"CpuSecondsPerMillionEvents": ("job", 1800), "UsdPerMillionEvents": ("job", 0.04)}


def test_what_a_batch_counted_before_the_first_look_is_in_no_minute(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.works(0, 0, 1, 2, 3)
    job.works(60, 2, 3, 4)
    assert [row["events"] for row in rows(tmp_path)] == [30_000]


def test_a_batch_that_is_seen_late_is_counted_once(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.works(0)
    job.works(60, 0)
    job.works(30, 0, 1)
    job.works(30, 0, 1, 2)
    assert [row["events"] for row in rows(tmp_path)] == [30_000, 60_000]


def test_without_a_price_there_is_none(tmp_path: Path) -> None:
    job = Job(tmp_path, price=None)
    job.works(0)
    job.works(60, 0)
    assert [row["usd"] for row in rows(tmp_path)] == [None]
    assert [metric.name for metric in job.metrics.metrics] == ["CpuSecondsPerMillionEvents"]


def test_a_minute_without_events_costs_too_but_nothing_for_each_million(tmp_path: Path) -> None:
    job = Job(tmp_path)
    job.works(0)
    job.works(60)
    assert [row["core_s"] for row in rows(tmp_path)] == [120]
    assert not job.metrics.metrics


def test_a_job_that_starts_again_within_the_minute_adds_its_share(tmp_path: Path) -> None:
    for _ in range(2):
        job = Job(tmp_path)
        job.works(0)
        job.works(60, 0)
    assert [(row["seconds"], row["events"]) for row in rows(tmp_path)] == [(120, 60_000)]


def test_a_job_that_cannot_tell_what_it_uses_goes_on_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def unknown() -> Used:
        raise RuntimeError("no such method")

    settings = Settings(lake=str(tmp_path), checkpoints="", stream="s")
    watch = CostWatch(settings, Measured(), unknown, iter(range(0, 600, 60)).__next__)
    for minute in range(3):
        watch([], NOON + timedelta(minutes=minute))
    assert [record.message for record in caplog.records].count(
        "the job cannot tell what it uses: its cost is not measured"
    ) == 1


def test_the_estimate_of_the_job_is_what_the_job_measures_on_those_cores(tmp_path: Path) -> None:
    job = Job(tmp_path, price=core_hour_usd(), cores=cores(2))
    job.works(0)
    job.works(60, 0, 1)
    found = measured(str(tmp_path), NOON + timedelta(minutes=5))
    assert found["job_usd_per_million_events"] == found["estimated_job_usd_per_million_events"]
    whole = estimate(1000, 400, 140, 15)
    of_the_job = whole["usd_a_month"]["emr_serverless"] / whole["millions_of_events"]
    assert found["job_usd_per_million_events"] == pytest.approx(of_the_job, rel=1e-3)


def test_the_processes_that_a_process_started_count_once_each(tmp_path: Path) -> None:
    for pid, parent, ticks in ((10, 1, 100), (11, 10, 50), (12, 11, 25), (20, 1, 1000), (30, 10, 5)):
        (tmp_path / str(pid)).mkdir()
        fields = ["S", str(parent), *["0"] * 9, str(ticks), "0", "0", "0"]
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a name) with) {' '.join(fields)}")
    (tmp_path / "uptime").write_text("")
    hertz = os.sysconf("SC_CLK_TCK")
    assert cpu_seconds({10, 11}, tmp_path) == pytest.approx(180 / hertz)
