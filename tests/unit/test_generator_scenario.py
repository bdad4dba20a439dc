"""Scenarios, episodes and load curves."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from generator.delivery.pacing import Pacer
from generator.errors import UsageError
from generator.platform.episodes import KINDS, of_kind
from generator.platform.load_curves import LOAD_CURVES, load_curve
from generator.platform.people import PLACES, wakefulness
from generator.platform.running_episodes import RunningEpisodes
from generator.scenario import load_scenario, packaged, parse_scenario
from generator.simulation import Dirt, Simulation

NOON = 1_767_268_800.0
CLEAN = Dirt(0, 0, 0, 0, 0, 0, 0, 0, 0)


def posts_during(kind: str, count: int = 6000, **overrides: object) -> list[tuple[str | None, str | None, str, str]]:
    """(episode, mood, user, text) of the posts while an episode is at its height."""
    episode = of_kind(kind, start=0.0, length=1000.0, **overrides)
    stream = Simulation(1, "run", 2000, CLEAN, RunningEpisodes((episode,), NOON))
    found = []
    for number in range(count):
        record = stream.next(NOON + 200 + number / 100)
        event = json.loads(record.data)
        if event["event_type"] == "post":
            truth = record.expected[0]
            found.append((truth.episode, truth.mood, record.key, event["payload"]["text"]))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_takes_its_share_of_the_posts_with_its_mood(kind: str) -> None:
    episode = KINDS[kind]
    posts = posts_during(kind)
    about = [p for p in posts if p[0] == f"{kind}@0"]
    assert len(about) / len(posts) == pytest.approx(episode.share, abs=0.06)
    moods = Counter(mood for _, mood, _, _ in about)
    assert moods["negative"] / len(about) == pytest.approx(episode.mood[0], abs=0.06)
    tagged = sum(any(f"#{tag}" in text.lower() for tag in episode.tags) for *_, text in about)
    assert tagged / len(about) > 0.7


def test_a_raid_comes_from_its_bots_alone() -> None:
    authors = {user for episode, _, user, _ in posts_during("raid", bots=4) if episode}
    assert len(authors) == 4


def test_an_episode_of_a_place_is_posted_about_from_there() -> None:
    stream = Simulation(
        1, "run", 3000, CLEAN, RunningEpisodes((of_kind("outage", start=0.0, length=1000.0, place="London, UK"),), NOON)
    )
    homes: dict[str, str] = {}
    from_there = Counter[bool]()
    for number in range(6000):
        record = stream.next(NOON + 200 + number / 100)
        event = json.loads(record.data)
        if event["event_type"] == "user":
            homes.setdefault(record.key, event["payload"]["user_location"])
        elif event["event_type"] == "post" and record.expected[0].episode:
            from_there[homes[record.key] == "London, UK"] += 1
    assert from_there[True] / from_there.total() > 0.95


def test_an_episode_rises_and_fades() -> None:
    outage = of_kind("outage", start=100.0, length=100.0, volume=3.0)
    assert [outage.factor(s) for s in (99, 105, 110, 150, 180, 200)] == pytest.approx([1, 2, 3, 3, 2, 1])


def test_every_packaged_scenario_loads() -> None:
    assert {"calm", "outage", "torture", "year"} <= set(packaged())
    for name in packaged():
        assert load_scenario(name).title


WRONG = [
    ({"speed": 5}, "a scenario has no 'speed'; it has: dirt, episode, load_curve, rate, title, users"),
    ({"rate": "fast"}, "rate is 'fast', expected a number above 0"),
    ({"rate": 0}, "rate is 0, expected a number above 0"),
    ({"load_curve": "weekly"}, "load_curve is 'weekly', expected one of: steady, daily, ramp, bursts"),
    ({"load_curve": "daily", "profile": "daily"}, "expected only 'load_curve'"),
    ({"dirt": {"mud": 1}}, r"\[dirt\] has no 'mud'"),
    ({"dirt": {"late": 0.9, "malformed": 0.9}}, "add up to 1.8"),
    ({"episode": [{"start": 5}]}, "an episode's kind is 'None', expected one of: launch"),
    ({"episode": [{"kind": "outage", "end": 5}]}, "an episode of kind 'outage' has no 'end'"),
    ({"episode": [{"kind": "outage", "topic": "cars"}]}, "episode.topic is 'cars', expected one of: tech"),
    ({"episode": [{"kind": "outage", "place": "Rome"}]}, "episode.place is 'Rome'"),
    ({"episode": [{"kind": "outage", "mood": [1, 1, 1]}]}, "expected three shares that add up to 1"),
    ({"episode": [{"kind": "outage", "length": 0}]}, "episode.length is 0, expected a number of at least 0.001"),
]


@pytest.mark.parametrize(("raw", "message"), WRONG)
def test_a_mistake_in_a_scenario_is_named(raw: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_scenario(raw)


def test_a_scenario_may_call_its_load_curve_by_the_older_name_profile() -> None:
    assert parse_scenario({"profile": "ramp"}).load_curve == "ramp"


def test_places_sleep_by_their_own_clock() -> None:
    four_utc = 1_767_240_000.0  # 2026-01-01T04:00:00Z
    asleep, awake = wakefulness(0, four_utc), wakefulness(9, four_utc)
    assert asleep < 0.3
    assert awake > 1.2


@pytest.mark.parametrize("name", LOAD_CURVES)
def test_a_load_curve_is_never_negative_and_the_daily_one_has_a_mean_of_about_one(name: str) -> None:
    curve = load_curve(name, (), NOON)
    week = [curve(hour * 3600.0) for hour in range(7 * 24)]
    assert min(week) >= 0
    if name in ("steady", "daily"):
        assert sum(week) / len(week) == pytest.approx(1.0, abs=0.03)


def test_the_pace_holds_the_rate_whatever_single_puts_take() -> None:
    pacer = Pacer(997.0, lambda _: 1.0)
    now, sent = 0.0, 0
    for pause in [0.1, 0.7, 0.05, 2.0, 0.3] * 40:
        now += pause
        due = pacer.due(now)
        pacer.took(due)
        sent += due
    assert sent == pytest.approx(997.0 * now, abs=1)


def test_a_long_stall_is_not_caught_up_as_a_flood() -> None:
    pacer = Pacer(100.0, lambda _: 1.0)
    assert pacer.due(3600.0) == 1500
    assert pacer.forgiven == pytest.approx(358_500)


def test_everybody_lives_somewhere_known() -> None:
    assert sum(place.share for place in PLACES) > 0
    assert len({place.name for place in PLACES}) == len(PLACES)
