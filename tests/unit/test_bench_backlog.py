"""The measurement of a backlog waits for the last layer, however long a batch takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local.errors import ServiceError
from harness.bench import backlog

RECORDS = 1000
# When each layer holds everything, in seconds from the start of the job.
FULL = {"bronze": 31.0, "silver": 150.0, "gold": 180.0, "warehouse": 170.0}


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(backlog, "time", clock)
    monkeypatch.setattr(backlog, "Layers", lambda _: None)
    monkeypatch.setattr(backlog.processes, "last_lines", lambda _: "the last line")
    return clock


def watched(monkeypatch: pytest.MonkeyPatch, clock: Clock, full: dict[str, float]) -> tuple[dict[str, float], float]:
    """What is found of layers that get their rows at once, at these times; bronze has the first at 30 s."""
    began = clock.now

    def rows(*_: Any) -> dict[str, int]:
        passed = clock.now - began
        found = {layer: RECORDS if passed >= at else 0 for layer, at in full.items()}
        return {**found, "bronze": found["bronze"] or int(passed >= 30.0)}

    def unfinished(*_: Any) -> list[str]:
        return [layer for layer, at in full.items() if clock.now - began < at]

    monkeypatch.setattr(backlog, "drain", SimpleNamespace(rows=rows, unfinished=unfinished))
    job: Any = SimpleNamespace(check=lambda: None)
    services: Any = SimpleNamespace(workdir=SimpleNamespace(logs=Path("logs")), postgres=None)
    return backlog.watched(job, services, RECORDS, lambda _: None)


def test_a_layer_that_stands_still_for_minutes_is_waited_for(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    reached, start_s = watched(monkeypatch, clock, FULL)
    assert start_s == 30.0
    assert reached == {layer: at - start_s for layer, at in FULL.items()}


def test_a_job_that_makes_no_progress_is_an_error(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    with pytest.raises(ServiceError, match="no layer has grown for 600 s: the last line"):
        watched(monkeypatch, clock, {**FULL, "gold": 1e9})
