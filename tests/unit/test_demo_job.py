"""How long the demo waits for its job."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local.errors import ServiceError
from harness.demo import job as demo_job
from harness.demo import settings
from harness.demo.job import Job


class Clock:
    """A clock of the wait: at every look 60 s later. `now` may be called at any time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def sleep(self, _seconds: float) -> None:
        self.now += 60.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(demo_job, "time", clock)
    monkeypatch.setattr(demo_job.latency, "note_job_start", lambda *_: None)
    return clock


class Reporting(Job):
    """A job that writes its status at every look; `hops_at` tells the hops by seconds, None: it is silent."""

    def __init__(self, root: Path, clock: Clock, hops_at: Any) -> None:
        place = SimpleNamespace(status=root / "status.json", logs=root, run=root)
        options = settings.from_arguments(["--headless", "--workdir", str(root)], os.environ)
        super().__init__(options, SimpleNamespace(workdir=place), {})  # type: ignore[arg-type]
        self.process = SimpleNamespace(alive=True)  # type: ignore[assignment]
        self._clock, self._hops_at = clock, hops_at

    def check(self) -> None:
        hops = self._hops_at(self._clock.now)
        if hops is not None:
            status = {"updated_at": str(self._clock.now), "hops": hops}
            self.stack.workdir.status.write_text(json.dumps(status))
        super().check()


def a_hop(**overrides: Any) -> dict[str, Any]:
    return {"state": "running", "batch": 0, "restarts": 0, "error": None} | overrides


def starting() -> dict[str, Any]:
    return a_hop(state="starting", batch=None)


def wait(job: Job) -> list[str]:
    told: list[str] = []
    job.wait_until_ready(lambda: False, told.append)
    return told


def test_a_job_that_reports_slow_starts_is_waited_for_however_long_they_take(tmp_path: Path, clock: Clock) -> None:
    def hops(now: float) -> Mapping[str, Any]:
        ready = now > 3600.0
        return {"ingest": a_hop(), "refine": a_hop() if ready else starting()}

    told = wait(Reporting(tmp_path, clock, hops))
    assert clock.now > 3600.0
    assert set(told) == {"waiting for refine"}


def test_a_job_that_shows_no_sign_of_life_is_given_up(tmp_path: Path, clock: Clock) -> None:
    with pytest.raises(ServiceError, match="no sign of life"):
        wait(Reporting(tmp_path, clock, lambda now: {"ingest": starting()} if now < 100 else None))


def test_a_job_whose_ingest_keeps_failing_is_given_up_with_its_error(tmp_path: Path, clock: Clock) -> None:
    def hops(now: float) -> Mapping[str, Any]:
        state = "starting" if now % 120 else "waiting"
        return {"ingest": a_hop(state=state, batch=None, restarts=1, error="no such stream"), "refine": a_hop()}

    with pytest.raises(ServiceError, match="ingest: no such stream"):
        wait(Reporting(tmp_path, clock, hops))


def test_a_sink_that_is_down_is_not_waited_for(tmp_path: Path, clock: Clock) -> None:
    down = a_hop(state="waiting", batch=None, restarts=3, error="no route")
    wait(Reporting(tmp_path, clock, lambda _: {"ingest": a_hop(), "refine": a_hop(), "load": down}))
    assert clock.now <= 60.0
