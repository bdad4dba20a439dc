"""Statistics of the simulated platform, with plots, beside what is published about real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from generator.errors import UsageError
from generator.platform.load_curves import load_curve
from generator.platform.people import Population
from generator.platform.running_episodes import RunningEpisodes
from generator.report.page import page
from generator.report.statistics import Week, week_statistics
from generator.report.timeline import Timeline
from generator.scenario import load_scenario
from generator.simulation import Dirt, Simulation
from generator.sources import SimulatedClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from generator.scenario import Scenario
    from generator.settings import Settings

    Progress = Callable[[str], None]

# With fewer the statistics have nothing to fit a line to.
MIN_EVENTS = 1_000
WEEK = 7 * 86_400.0
CLEAN = Dirt(0, 0, 0, 0, 0, 0, 0, 0, 0)


def write_report(directory: Path, settings: Settings, progress: Progress) -> None:
    """Simulate a week without dirt, then a scenario, and write `report.md`, `statistics.json` and plots.

    `settings.events`, but at least MIN_EVENTS, are spread over the week; the scenario (default `year`) runs at
    its own rate until its last episode is over. Deterministic in the seed. Needs matplotlib.
    """
    try:
        from generator.report.plots import draw
    except ImportError:
        raise UsageError("--report needs matplotlib: install moodstream[model]") from None
    events = max(settings.events or 0, MIN_EVENTS)
    start = settings.start or 0.0
    progress(f"simulating a week of {events:,} events")
    week = _week(settings.seed, settings.scenario.users, events, start)
    scenario = settings.scenario if settings.scenario.episodes else load_scenario("year")
    progress(f"simulating the scenario '{scenario.title or 'given'}'")
    timeline = _timeline(settings.seed, scenario, start)
    statistics = {**week_statistics(week), "episodes": timeline.statistics()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "statistics.json").write_text(json.dumps(statistics, indent=2) + "\n", encoding="utf-8")
        progress("drawing")
        draw(directory, week, timeline)
        (directory / "report.md").write_text(page(statistics, events, settings.seed), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write --report '{directory}': {error.strerror}") from error
    progress(f"wrote {directory / 'report.md'}")


def _week(seed: int, users: int, events: int, start: float) -> Week:
    simulation = Simulation(seed, "report", users, CLEAN)
    clock = SimulatedClock(start, events / WEEK, load_curve("daily", (), start))
    week = Week(start, _followers(seed, users))
    for _ in range(events):
        at = clock()
        week.add(simulation.next(at), at)
    return week


def _followers(seed: int, users: int) -> list[int]:
    """How many follow each user."""
    from random import Random

    followers = [0] * users
    for person in Population(Random(f"{seed}/cast"), users).people:
        for followed in person.following:
            followers[followed] += 1
    return followers


def _timeline(seed: int, scenario: Scenario, start: float) -> Timeline:
    running = RunningEpisodes(scenario.episodes, start)
    simulation = Simulation(seed, "report", scenario.users, scenario.dirt, running)
    clock = SimulatedClock(start, scenario.rate or 100.0, load_curve(scenario.load_curve, scenario.episodes, start))
    end = start + max(e.start + e.length for e in scenario.episodes) + 60
    timeline = Timeline(start, scenario.episodes)
    while (at := clock()) < end:
        timeline.add(simulation.next(at), at)
    return timeline
