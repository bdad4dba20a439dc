"""Which job owns a lake: taken at once, after a term, or not at all; and what the one that lost it notices."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest

from streaming.errors import LeaseHeld
from streaming.fencing import Token
from streaming.lease.heartbeat import Heartbeat
from streaming.lease.owner import Owner
from streaming.lease.storage import DeltaLease, SignOfLife
from streaming.lease.take import take
from streaming.settings import Settings
from tests.patience import wait_until

TERM = 30.0
ELSEWHERE = Owner(host="another-host", pid=1, since="2026-01-01T00:00:00+00:00", machine="another", started="1")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=str(tmp_path), checkpoints="", stream="events")


def a_sign(owner: Owner = ELSEWHERE, hops: tuple[str, ...] = ("ingest", "refine"), term: float = TERM) -> SignOfLife:
    return SignOfLife(owner, hops, term)


class Time:
    """Passes only where somebody sleeps; `then` happens while they do."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.now = 0.0
        self._then = then

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self._then()


def taken(settings: Settings, sign: SignOfLife, passing: Time | None = None) -> Token:
    passing = passing or Time()
    return take(DeltaLease(settings), sign, settings.lake, passing.clock, passing.sleep)


def beating(settings: Settings, token: Token, sign: SignOfLife) -> tuple[Heartbeat, list[str]]:
    lost: list[str] = []
    return Heartbeat(DeltaLease(settings), token, sign, lost.append), lost


def test_the_first_job_takes_the_lake_at_once(settings: Settings) -> None:
    passing = Time()
    assert taken(settings, a_sign(), passing).number == 1
    assert passing.now == 0


def test_an_owner_that_gives_a_sign_of_life_keeps_the_lake_and_is_named(settings: Settings) -> None:
    heart, _ = beating(settings, taken(settings, a_sign()), a_sign())
    passing = Time()
    passing = Time(lambda: heart.beat(passing.now))
    with pytest.raises(LeaseHeld, match=re.escape(f"({ELSEWHERE}; hops ingest, refine); stop that job")) as refusal:
        taken(settings, a_sign(), passing)
    assert "process 1 on another-host" in str(refusal.value)
    assert "30 s after its last sign of life" in str(refusal.value)
    assert passing.now < TERM / 2


def test_an_owner_without_a_sign_of_life_is_dead_after_a_term_and_not_before(settings: Settings) -> None:
    taken(settings, a_sign())
    passing = Time()
    assert taken(settings, a_sign(), passing).number == 2
    assert TERM <= passing.now < TERM + 2


def test_the_dead_owner_s_own_term_counts_not_that_of_the_one_that_waits(settings: Settings) -> None:
    taken(settings, a_sign(term=50))
    passing = Time()
    taken(settings, a_sign(term=1), passing)
    assert passing.now >= 50


def test_a_lease_that_was_given_back_is_free_at_once_and_its_token_grows_all_the_same(settings: Settings) -> None:
    heart, _ = beating(settings, taken(settings, a_sign()), a_sign())
    heart.release()
    passing = Time()
    assert taken(settings, a_sign(), passing).number == 2
    assert passing.now == 0


def test_an_owner_that_died_between_taking_and_its_first_sign_of_life_is_waited_for(settings: Settings) -> None:
    lease = DeltaLease(settings)
    assert lease.take(["ingest"], max(lease.tokens().values(), default=0) + 1)
    passing = Time()
    assert taken(settings, a_sign(), passing).number == 2
    assert passing.now >= TERM


def test_jobs_that_run_different_hops_share_a_lake(settings: Settings) -> None:
    first = taken(settings, a_sign(hops=("ingest", "refine")))
    second = taken(settings, a_sign(hops=("aggregate",)))
    heart, lost = beating(settings, first, a_sign(hops=("ingest", "refine")))
    assert (first.number, second.number) == (1, 2)
    assert heart.beat(0.0)
    assert lost == []


def test_an_owner_of_a_single_shared_hop_is_enough_to_be_refused(settings: Settings) -> None:
    sign = a_sign(hops=("refine",))
    heart, _ = beating(settings, taken(settings, sign), sign)
    passing = Time()
    passing = Time(lambda: heart.beat(passing.now))
    with pytest.raises(LeaseHeld, match="hops refine"):
        taken(settings, a_sign(hops=("ingest", "refine", "aggregate")), passing)


def test_of_jobs_that_take_a_lake_at_once_one_gets_it(settings: Settings) -> None:
    DeltaLease(settings)
    won: list[int] = []

    def compete() -> None:
        lease = DeltaLease(settings)
        number = max(lease.tokens().values(), default=0) + 1
        if lease.take(["ingest"], number):
            won.append(number)

    contenders = [Thread(target=compete) for _ in range(8)]
    for contender in contenders:
        contender.start()
    for contender in contenders:
        contender.join()
    assert won == sorted(set(won))
    assert DeltaLease(settings).tokens() == {"ingest": won[-1]}


def test_one_that_was_taken_over_learns_it_with_its_next_sign_of_life_and_gives_no_more(settings: Settings) -> None:
    old = taken(settings, a_sign())
    heart, lost = beating(settings, old, a_sign())
    assert heart.beat(0.0)
    new = taken(settings, a_sign(owner=replace(ELSEWHERE, pid=2)))
    before = DeltaLease(settings).sign(old.number)
    assert not heart.beat(1000.0)
    assert len(lost) == 1
    assert "process 2 on another-host" in lost[0]
    assert DeltaLease(settings).sign(old.number) == before
    assert DeltaLease(settings).tokens()["ingest"] == new.number


def test_a_process_of_this_machine_that_ended_is_gone_and_one_that_is_stopped_is_not() -> None:
    script = "from streaming.lease.owner import Owner; import json;"
    script += "print(json.dumps(Owner.this_process().as_json()), flush=True); import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        import json

        assert process.stdout is not None
        owner = Owner.from_json(json.loads(process.stdout.readline()))
        if not owner.started:
            pytest.skip("only Linux tells when a process began")
        os.kill(process.pid, signal.SIGSTOP)
        assert not owner.is_gone()
        process.kill()
        wait_until(owner.is_gone, "the owner is gone, before anybody reaps it")
    finally:
        process.kill()
        process.wait()
    assert owner.is_gone()


def test_a_later_process_with_the_same_id_is_another_one() -> None:
    owner = Owner.this_process()
    if not owner.started:
        pytest.skip("only Linux tells when a process began")
    assert not owner.is_gone()
    assert replace(owner, started="1").is_gone()
    assert not replace(owner, machine="another", started="1").is_gone()


def test_an_owner_that_was_killed_on_this_machine_is_not_waited_for(settings: Settings) -> None:
    gone = replace(Owner.this_process(), started="1")
    if not gone.machine:
        pytest.skip("only Linux tells when a process began")
    taken(settings, a_sign(owner=gone))
    passing = Time()
    assert taken(settings, a_sign(), passing).number == 2
    assert passing.now == 0
