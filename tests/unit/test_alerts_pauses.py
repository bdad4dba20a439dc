"""Time without a job is no fall in volume; silence while the job runs is one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from streaming.alerts.detection.pauses import Pause, Pauses
from streaming.alerts.detection.text import SENTIMENTS, Text
from streaming.alerts.incident_watch import IncidentWatch
from streaming.alerts.listening import Listening
from streaming.operations import alerts
from tests.builders import NOON
from tests.lake_rows import append, rows_of, run, settings_of
from tests.unit.test_alerts_incident_watch import Kept, Silver, texts_of

GOLD = "gold/incidents"
BEGAN = NOON.timestamp()
RUNNING = {"ingest": {"state": "running"}, "refine": {"state": "running"}}


class Platform:
    """A stream of two texts a second on a simulated clock, and the jobs that watch it one after the other."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self.position = Kept()
        self.now = BEGAN
        self.hops: dict[str, Any] = RUNNING
        self._random = Random(3)
        self.texts: list[Text] = []

    def job(self) -> None:
        """A job begins now; the first thing that it reads are the texts of the last 20 minutes."""
        self._silver = Silver()
        self._silver.waiting = [text for text in self.texts if text.at > self.now - 1200]
        listening = Listening(self.position, self.now, lambda: self.hops)
        self._watch = IncidentWatch(settings_of(self.lake), self._silver, Kept(), listening)

    def runs(self, seconds: int, *, silent: bool = False) -> None:
        """The job runs, with texts or in silence; it looks every ten seconds."""
        for _ in range(seconds // 10):
            if silent:
                self.rests(10)
            else:
                self._write(10)
            self._watch(datetime.fromtimestamp(self.now, UTC))

    def _write(self, seconds: int) -> None:
        new = texts_of(self.now, seconds, self._random, 0.3)
        self.texts += new
        self._silver.waiting += new
        self.now += seconds

    def arrive(self, texts: Sequence[Text]) -> None:
        """Texts of the past reach silver."""
        self._silver.waiting += texts

    def rests(self, seconds: int) -> None:
        """Nothing runs."""
        self.now += seconds

    @property
    def incidents(self) -> list[dict[str, Any]]:
        return rows_of(self.lake, GOLD) if (self.lake / GOLD).exists() else []


def test_a_pause_between_two_jobs_is_no_fall_in_volume(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    for pause in (127, 483, 731):
        platform.job()
        platform.runs(600)
        platform.runs(20, silent=True)  # the demo drains
        platform.rests(pause)
    platform.job()
    platform.runs(40, silent=True)  # a job takes a while to start
    platform.runs(600)
    assert platform.incidents == []


def test_silence_while_the_job_runs_is_an_incident_and_outlasts_a_restart(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(900)
    platform.runs(240, silent=True)
    (row,) = platform.incidents
    assert (row["measure"], row["state"]) == ("volume", "open")
    platform.rests(60)
    platform.job()
    platform.runs(480, silent=True)
    (again,) = platform.incidents
    assert (again["incident_id"], again["state"]) == (row["incident_id"], "open")
    assert again["last_seen"] > row["last_seen"]


def test_an_outage_soon_after_a_restart_is_found_as_soon_as_any(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(600)
    platform.rests(300)
    platform.job()
    platform.runs(90)
    platform.runs(180, silent=True)
    assert [row["measure"] for row in platform.incidents] == ["volume"]


def test_a_platform_that_is_silent_from_the_restart_on_is_an_incident_minutes_later(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(900)
    platform.job()
    platform.runs(300, silent=True)
    assert platform.incidents == []
    platform.runs(240, silent=True)
    assert [row["measure"] for row in platform.incidents] == ["volume"]


def test_what_people_wrote_while_no_job_ran_is_tested_when_it_arrives(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(900)
    bad = texts_of(platform.now, 300, Random(4), 0.9, "login is broken #outage")
    platform.rests(300)
    platform.job()
    platform.runs(150, silent=True)  # a slow machine
    platform.arrive(bad)
    platform.runs(120)
    (row,) = platform.incidents
    assert (row["measure"], row["topics"]) == ("negative", ["outage"])


def test_texts_that_a_hop_holds_up_are_no_silence(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(900)
    late = texts_of(platform.now, 400, Random(4), 0.3)
    platform.hops = {**RUNNING, "refine": {"state": "waiting"}}
    platform.runs(400, silent=True)
    platform.hops = RUNNING
    platform.runs(40, silent=True)
    platform.arrive(late)
    platform.runs(300)
    assert platform.incidents == []


def test_a_machine_that_slept_heard_nothing(empty_lake: Path) -> None:
    platform = Platform(empty_lake)
    platform.job()
    platform.runs(900)
    platform.rests(900)
    platform.runs(300)
    assert platform.incidents == []


def test_a_hop_that_starts_again_within_its_job_is_no_pause() -> None:
    position = Kept()
    Listening(position, BEGAN).reached(BEGAN + 600)
    assert Listening(position, BEGAN).hears(BEGAN + 660)
    assert not Listening(position, BEGAN + 640).hears(BEGAN + 660)


def test_pauses_that_follow_each_other_are_one_until_texts_flow() -> None:
    pauses = Pauses()
    pauses.add(0, 600)
    pauses.add(30, 700)
    assert pauses.known() == [Pause(0, 700, 1000)]
    pauses.resumed(720)
    assert pauses.covers(990), "the step began before the pause was over"
    pauses.resumed(750)
    assert [pauses.covers(end) for end in (720, 750)] == [True, False]
    pauses.add(900, 960)
    assert len(pauses.known()) == 2
    pauses.add(700_000, 700_060)
    assert pauses.known() == [Pause(700_000, 700_060, 700_360)]


def test_replay_knows_the_pauses(empty_lake: Path) -> None:
    platform, scored = Platform(empty_lake), {"polarity": 0.0, "confidence": 0.9, "model_version": "1"}
    platform.now = (datetime.now(UTC) - timedelta(hours=1)).timestamp()
    for _ in range(2):
        platform.job()
        platform.runs(600)
        platform.rests(400)
    rows = [
        {
            "event_id": text.event_id,
            "event_time": datetime.fromtimestamp(text.at, UTC),
            "user_id": text.user,
            "text": text.text,
            "sentiment": SENTIMENTS[text.sentiment],
            **scored,
        }
        for text in platform.texts
    ]
    append(empty_lake, "silver/posts", rows)
    assert run(alerts.main, "replay", "--hours", "2", lake=empty_lake)[1]["incidents"] != []
    written = empty_lake.parent / "checkpoints" / "watch" / "position.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps(platform.position.value))
    assert run(alerts.main, "replay", "--hours", "2", lake=empty_lake)[1]["incidents"] == []
