"""The supervisor: restarts, backoff, giving up."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streaming.backoff import MAX_PAUSE
from streaming.errors import CheckpointVersionError, PermanentFailure, SinkUnavailable
from streaming.failures import is_permanent
from streaming.loop import Loop
from streaming.settings import Settings
from streaming.supervised import START_WITHIN, Supervised
from streaming.supervisor import Job, hop_starts
from tests.patience import patience, wait_until

SETTINGS = Settings(lake="lake", checkpoints="checkpoints", stream="events")


class FakeQuery:
    """A hop that works until it is told to fail."""

    def __init__(self) -> None:
        self.isActive = True
        self.lastProgress = {"batchId": 7, "numInputRows": 3, "durationMs": {"triggerExecution": 1500}}
        self.failure: BaseException | None = None

    def exception(self) -> BaseException | None:
        return self.failure

    def fail(self, failure: BaseException | None) -> None:
        self.isActive, self.failure = False, failure

    def stop(self) -> None:
        self.isActive = False


class Starts:
    """A start function that hands out fake queries and counts them."""

    def __init__(self) -> None:
        self.queries: list[FakeQuery] = []

    def __call__(self, spark: Any, settings: Settings) -> FakeQuery:
        self.queries.append(FakeQuery())
        return self.queries[-1]


def a_hop() -> tuple[Supervised, Starts]:
    starts = Starts()
    hop = Supervised("load", starts)
    tick(hop, 0.0)
    return hop, starts


def tick(hop: Supervised, now: float) -> None:
    """One tick, and where it begins a start also the tick that sees the start's end."""
    hop.tick(None, SETTINGS, now)  # type: ignore[arg-type]
    if hop._attempt is not None:
        hop._attempt.wait(patience(60.0))
        hop.tick(None, SETTINGS, now)  # type: ignore[arg-type]


def test_a_hop_that_fails_is_started_again_after_a_pause() -> None:
    hop, starts = a_hop()
    starts.queries[0].fail(SinkUnavailable("no warehouse"))
    tick(hop, 10.0)
    assert (hop.state, hop.restarts, len(starts.queries)) == ("waiting", 1, 1)
    tick(hop, 10.5)
    assert len(starts.queries) == 1
    tick(hop, 11.1)
    assert (hop.state, len(starts.queries)) == ("running", 2)


def test_pauses_double_up_to_a_bound() -> None:
    hop, starts = a_hop()
    now, pauses = 0.0, []
    for _ in range(10):
        starts.queries[-1].fail(SinkUnavailable("still down"))
        tick(hop, now)
        pauses.append(hop._next_start - now)
        now = hop._next_start
        tick(hop, now)
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == MAX_PAUSE


def test_a_hop_that_was_healthy_for_long_starts_over_with_a_short_pause() -> None:
    hop, starts = a_hop()
    for now in (0.0, 1.0, 3.0, 7.0):
        starts.queries[-1].fail(SinkUnavailable("down"))
        tick(hop, now)
        tick(hop, hop._next_start)
    starts.queries[-1].fail(SinkUnavailable("down again, a day later"))
    tick(hop, 86_400.0)
    assert hop._next_start == 86_401.0


def test_a_hop_that_fails_again_and_again_after_two_minutes_of_work_keeps_its_long_pause() -> None:
    hop, starts = a_hop()
    now, pauses = 0.0, []
    for _ in range(12):
        now += 130.0
        starts.queries[-1].fail(SinkUnavailable("down again"))
        tick(hop, now)
        pauses.append(hop._next_start - now)
        now = hop._next_start
        tick(hop, now)
    assert pauses == sorted(pauses)
    assert pauses[-1] == MAX_PAUSE


def test_a_hop_that_can_no_longer_start_keeps_its_long_pause_however_long_ago_it_last_worked() -> None:
    hop, starts = a_hop()
    starts.queries[0].fail(SinkUnavailable("down"))
    hop.start = cannot_start
    now, pauses = 0.0, []
    for _ in range(12):
        tick(hop, now)
        pauses.append(hop._next_start - now)
        now = hop._next_start
    assert pauses[-1] == MAX_PAUSE


def cannot_start(spark: Any, settings: Settings) -> FakeQuery:
    raise SinkUnavailable("no route to the warehouse")


class SlowStart:
    """A start function that waits, as migrations do for a lock, until it is released."""

    def __init__(self) -> None:
        self.release, self.query = threading.Event(), FakeQuery()

    def __call__(self, spark: Any, settings: Settings) -> FakeQuery:
        self.release.wait(patience(60.0))
        return self.query


def test_a_slow_start_holds_up_neither_the_other_hops_nor_the_status_nor_the_end(tmp_path: Path) -> None:
    slow, ingest = SlowStart(), Starts()
    settings = replace(SETTINGS, status_file=str(tmp_path / "status.json"))
    job = Job(None, settings, {"load": slow, "ingest": ingest})  # type: ignore[arg-type]
    thread = threading.Thread(target=job.run)
    thread.start()
    assert wait_until(lambda: states(settings) == {"load": "starting", "ingest": "running"}, "the hop goes on")
    ingest.queries[0].fail(SinkUnavailable("down"))
    assert wait_until(lambda: len(ingest.queries) == 2, "the hop goes on")
    job.stop()
    slow.release.set()
    thread.join(60.0)
    assert states(settings) == {"load": "stopped", "ingest": "stopped"}
    assert not slow.query.isActive


def states(settings: Settings) -> dict[str, str]:
    """The states of the hops in the status file; empty before the first status."""
    path = Path(str(settings.status_file))
    hops = json.loads(path.read_text())["hops"] if path.exists() else {}
    return {name: hop["state"] for name, hop in hops.items()}


def test_a_start_that_never_returns_is_given_up_and_what_it_starts_later_is_stopped() -> None:
    slow = SlowStart()
    hop = Supervised("load", slow)
    hop.tick(None, SETTINGS, 0.0)  # type: ignore[arg-type]
    attempt = hop._attempt
    assert attempt is not None
    hop.tick(None, SETTINGS, START_WITHIN + 1)  # type: ignore[arg-type]
    assert (hop.state, hop.restarts) == ("waiting", 1)
    assert "has not returned within 1200 s" in str(hop.error)
    slow.release.set()
    attempt.wait(patience(60.0))
    assert not slow.query.isActive


def test_a_step_that_hangs_does_not_hold_up_the_end_of_its_loop() -> None:
    entered, release = threading.Event(), threading.Event()

    def step() -> dict[str, int]:
        entered.set()
        release.wait(patience(60.0))
        return {}

    loop = Loop("load", step, 0.1)
    try:
        assert entered.wait(patience(60.0))
        loop.stop(within=0.05)
        assert loop.isActive
    finally:
        release.set()
        loop.stop()
    assert not loop.isActive


def test_a_status_that_cannot_be_written_does_not_end_the_job(tmp_path: Path) -> None:
    settings = replace(SETTINGS, status_file=str(tmp_path / "no such folder" / "status.json"))
    starts = Starts()
    job = Job(None, settings, {"ingest": starts})  # type: ignore[arg-type]
    threading.Timer(1.0, job.stop).start()
    job.run()
    assert job._hops[0].state == "stopped"


def test_a_query_that_ends_without_an_error_is_started_again_too() -> None:
    hop, starts = a_hop()
    starts.queries[0].fail(None)
    tick(hop, 1.0)
    assert (hop.state, hop.error) == ("waiting", "ended without an error")


def test_a_permanent_failure_is_not_retried() -> None:
    hop, starts = a_hop()
    starts.queries[0].fail(CheckpointVersionError("written by version 9"))
    tick(hop, 1.0)
    tick(hop, 1000.0)
    assert (hop.state, len(starts.queries)) == ("failed", 1)


def test_a_permanent_failure_inside_a_query_is_known_by_its_text() -> None:
    assert is_permanent(RuntimeError("...\nstreaming.errors.CheckpointVersionError: too new\n..."))
    assert not is_permanent(RuntimeError("streaming.errors.SinkUnavailable: down"))


def test_the_status_shows_the_last_batch() -> None:
    hop, _ = a_hop()
    assert hop.status() | {"rows_per_second": 0} == {
        "state": "running",
        "restarts": 0,
        "error": None,
        "batch": 7,
        "input_rows": 3,
        "rows_per_second": 0,
        "batch_seconds": 1.5,
        "last_batch_at": None,
    }


def permanently_broken(spark: Any, settings: Settings) -> FakeQuery:
    raise PermanentFailure("never")


def test_the_job_ends_when_ingest_can_never_succeed() -> None:
    job = Job(None, SETTINGS, {"ingest": permanently_broken, "load": Starts()})  # type: ignore[arg-type]
    with pytest.raises(PermanentFailure, match="ingest: PermanentFailure: never"):
        job.run()


def test_a_permanent_failure_of_a_sink_leaves_the_other_hops_running() -> None:
    ingest = Starts()
    job = Job(None, SETTINGS, {"ingest": ingest, "load": permanently_broken})  # type: ignore[arg-type]
    for hop in job._hops:
        tick(hop, 0.0)
    job._give_up_if_hopeless()
    assert [hop.state for hop in job._hops] == ["running", "failed"]


def test_the_job_stops_its_hops_when_it_is_asked_to() -> None:
    starts = Starts()
    job = Job(None, SETTINGS, {"ingest": starts})  # type: ignore[arg-type]
    tick(job._hops[0], 0.0)
    job.stop()
    job.run()
    assert [query.isActive for query in starts.queries] == [False]
    assert job._hops[0].state == "stopped"


def test_hops_that_have_nowhere_to_go_are_not_started() -> None:
    assert list(hop_starts(replace(SETTINGS, hops=("ingest", "load", "serve")))) == ["ingest"]
    assert list(hop_starts(replace(SETTINGS, hops=("ingest", "load"), warehouse="postgresql://me@host/db"))) == [
        "ingest",
        "load",
    ]


def test_a_start_function_can_take_the_place_of_a_hops_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streaming.supervisor.versions.check", lambda *_: None)
    own, other = Starts(), Starts()
    settings = replace(SETTINGS, hops=("refine",))
    context = SimpleNamespace(setLocalProperty=lambda _name, _value: None, setJobDescription=lambda _text: None)
    spark: Any = SimpleNamespace(sparkContext=context)
    hop_starts(settings, {"refine": own, "ingest": other})["refine"](spark, settings)
    assert (len(own.queries), len(other.queries)) == (1, 0)


class Clock:
    """A wall clock that is set back when somebody asks for the third time."""

    def __init__(self, set_back: float) -> None:
        self.asked, self.set_back = 0, set_back

    def __call__(self) -> float:
        self.asked += 1
        return 1_000_000.0 + time.monotonic() - (self.set_back if self.asked > 2 else 0.0)


def starts_within_two_seconds(wall: Clock) -> int:
    starts = Starts()
    job = Job(None, SETTINGS, {"ingest": starts}, wall)  # type: ignore[arg-type]
    threading.Timer(2.2, job.stop).start()
    job.run()
    return len(starts.queries)


def test_a_clock_that_is_set_back_starts_the_hops_anew_since_they_would_wait_for_it() -> None:
    assert starts_within_two_seconds(Clock(3600.0)) == 2


def test_a_clock_that_is_corrected_by_a_little_disturbs_nobody() -> None:
    assert starts_within_two_seconds(Clock(0.5)) == 1
