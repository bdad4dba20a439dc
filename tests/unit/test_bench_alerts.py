"""How `moodstream bench alerts` judges the detection, and one short stream of the generator that it must judge well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.bench.alert_streams import BEGAN, KINDS, Stream, Truth, truths, watched
from harness.bench.alerts import Judged, judge, report_of
from streaming.alerts.detection.causes import Cause
from streaming.alerts.detection.incidents import Incident

RAID = Truth("raid", 1_000.0, 1_300.0)
RELEASE = Truth("release", 5_000.0, 5_300.0)


def an_incident(found: float, cause: str) -> Incident:
    return Incident(f"incident-{found}", found, found, found, Cause(cause, 0.9, "because"))


def test_a_report_in_time_with_the_right_cause_is_right_and_a_second_one_is_false() -> None:
    found = [an_incident(1_050.0, "bots"), an_incident(1_200.0, "audience"), an_incident(3_000.0, "audience")]
    judged, false = judge([RAID, RELEASE], found)
    assert judged == [Judged("raid", 50.0, True), Judged("release", None, False)]
    assert false == 2


def test_a_late_report_is_no_recall_and_two_alarms_on_a_calm_day_are_too_many() -> None:
    good = [Judged("raid", 60.0, True)] * 19
    assert report_of([*good, Judged("raid", 130.0, True)], 1, [1, 0])["passed"]
    assert report_of([*good, Judged("raid", 130.0, True)], 1, [1, 0])["recall"] == 0.95
    assert not report_of(good, 0, [2, 0])["passed"]
    assert not report_of([*good[:8], *[Judged("raid", 130.0, True)] * 2], 0, [])["passed"]


def test_the_incidents_of_a_seed_are_the_same_ones_and_of_every_kind() -> None:
    assert truths("1", 14) == truths("1", 14)
    assert sorted(each.kind for each in truths("1", 14)) == sorted(KINDS * 2)


@pytest.mark.parametrize("kind", ["outage", "raid"])
def test_an_episode_of_the_generator_is_found_in_time_and_called_what_it_is(kind: str) -> None:
    known = next(each for number in range(20) for each in truths(str(number), 1) if each.kind == kind)
    assert known.episode is not None
    known = replace(known, episode=replace(known.episode, volume=2.0, share=0.5, place=None, ages=None))
    found = watched(Stream("a test", 12.0, [known]).texts(known.start + 240 - BEGAN))
    (judged,), false = judge([known], found)
    assert false == 0
    assert judged.delay is not None
    assert judged.delay <= 120
    assert judged.cause_right
