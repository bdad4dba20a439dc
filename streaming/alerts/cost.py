"""What the job costs, measured while it runs: gold/cost_by_minute, and metrics for a million events.

Guarantee: at most once. What was used between the job's last measurement and its end is not counted, and no event is
counted in two rows.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from streaming.alerts.measured import Metric, Metrics
from streaming.delta.merge import KeyedMerge, keyed_merge
from streaming.settings import Settings
from streaming.tables import gold_cost_by_minute

log = logging.getLogger(__name__)

EVERY_S = 60.0


class Used(NamedTuple):
    """What the job used since it began, and the cores that it holds now."""

    cpu_s: float
    task_s: float
    cores: int


class CostWatch:
    """Measures the job about once a minute. `used` tells what it used so far, `clock` seconds that never jump."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        used: Callable[[], Used],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._used = used
        self._clock = clock
        self._gold: KeyedMerge | None = None
        self._batch = 0
        self._began: tuple[float, datetime, Used] | None = None
        self._counted = -1
        self._failing = False

    def __call__(self, freshness: Sequence[Mapping[str, Any]], now: datetime) -> None:
        """Measure, if a minute has passed; `freshness`: the newest rows of gold/freshness. Raises storage errors."""
        steady = self._clock()
        if self._began is not None and steady - self._began[0] < EVERY_S:
            return
        used = self._asked()
        if used is None:
            return
        new = [row for row in freshness if row["batch_id"] > self._counted]
        if self._began is not None:
            self._write(self._row(self._began, steady - self._began[0], used, sum(row["events"] for row in new)))
        self._counted = max([self._counted, *(row["batch_id"] for row in new)])
        self._began = steady, now, used

    def _asked(self) -> Used | None:
        """What was used so far; None if that cannot be told here, which the log says once: alerts go on without."""
        try:
            return self._used()
        except Exception:
            if not self._failing:
                log.warning("the job cannot tell what it uses: its cost is not measured", exc_info=True)
            self._failing = True
            return None

    def _row(self, began: tuple[float, datetime, Used], seconds: float, used: Used, events: int) -> dict[str, Any]:
        _, since, before = began
        core_s = used.cores * seconds
        price = self._settings.core_hour_usd
        return {
            "minute": since.replace(second=0, microsecond=0),
            "seconds": seconds,
            "events": events,
            # Less than before: a worker has ended, and with it what it had used.
            "cpu_s": max(0.0, used.cpu_s - before.cpu_s),
            "task_s": max(0.0, used.task_s - before.task_s),
            "core_s": core_s,
            "usd": None if price is None else core_s / 3600 * price,
        }

    def _write(self, row: Mapping[str, Any]) -> None:
        self._batch += 1
        self._table().apply(gold_cost_by_minute.table_of(row), self._batch)
        self._metrics.put(*measures(row))

    def _table(self) -> KeyedMerge:
        if self._gold is None:
            self._gold = keyed_merge(self._settings, gold_cost_by_minute.TABLE, f"watch/{uuid.uuid4()}")
        return self._gold


def measures(row: Mapping[str, Any]) -> list[Metric]:
    """The metrics of a row of gold/cost_by_minute; none for a time without events."""
    if not row["events"]:
        return []
    millions = row["events"] / 1e6
    found = [Metric("CpuSecondsPerMillionEvents", "job", row["cpu_s"] / millions, "Seconds")]
    if row["usd"] is not None:
        found.append(Metric("UsdPerMillionEvents", "job", row["usd"] / millions, "None"))
    return found


def used_by(spark: SparkSession, *, local: bool) -> Callable[[], Used]:
    """Returns a function that asks a session what its job used.

    `local`: all of Spark runs on this machine, whose cores the job holds. Elsewhere it holds the cores of its living
    executors and those of the driver.
    """

    def used() -> Used:
        context: Any = spark.sparkContext._jsc.sc()
        jvm = int(spark._jvm.java.lang.ProcessHandle.current().pid())  # type: ignore[union-attr]
        executors = context.statusStore().executorList(False)
        each = [executors.apply(place) for place in range(executors.size())]
        task_s = sum(executor.totalDuration() for executor in each) / 1000
        if local:
            return Used(cpu_seconds({os.getpid(), jvm}), task_s, os.cpu_count() or 1)
        cores = sum(executor.totalCores() for executor in each if executor.isActive() and executor.id() != "driver")
        of_driver = int(spark.sparkContext.getConf().get("spark.driver.cores") or 1)
        return Used(cpu_seconds({os.getpid(), jvm}), task_s, cores + of_driver)

    return used


def cpu_seconds(pids: set[int], proc: Path = Path("/proc")) -> float:
    """CPU seconds of these processes and of all that they started, with those that have ended and were waited for.

    Without Linux's /proc: of this process and its ended children alone.
    """
    if not proc.is_dir():
        return sum(os.times()[:4])
    ticks: dict[int, float] = {}
    parents: dict[int, int] = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                # The name stands in brackets, and may hold anything.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(folder.name)] = int(fields[1])
            ticks[int(folder.name)] = sum(map(int, fields[11:15]))
    family = {pid for pid in ticks if pids & set(_ancestry(pid, parents))}
    # What a living process has waited for stands in its own time too: no process is counted twice.
    return sum(ticks[pid] for pid in family) / os.sysconf("SC_CLK_TCK")


def _ancestry(pid: int, parents: Mapping[int, int]) -> list[int]:
    """The process and those that it descends from."""
    line = [pid]
    while (parent := parents.get(line[-1])) and parent not in line:
        line.append(parent)
    return line
