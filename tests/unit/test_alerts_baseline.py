"""What the alerts take for usual: robust against single steps, and different for each hour of the day."""

from __future__ import annotations

import json
from math import pi, sin

import numpy as np

from streaming.alerts.detection.baseline import Baseline
from streaming.alerts.detection.counts import STEP_S

DAY_S = 86_400
CALM = np.ones(1, bool)


def factor(at: float) -> float:
    """A day in which the evening has three times the texts of the morning."""
    return 1 + 0.5 * sin(2 * pi * at / DAY_S)


def a_day_long(baseline: Baseline, seconds: int, begin: int = 0) -> None:
    for end in range(begin + STEP_S, begin + seconds + 1, STEP_S):
        texts = 100 * factor(end)
        counts = np.array([[0.3 * texts, 0.3 * texts, 0.4 * texts]])
        baseline.learn(end, counts, np.zeros((1, 1, 3)), CALM)


def a_baseline() -> Baseline:
    baseline = Baseline((1,))
    baseline.grow(1)
    return baseline


def test_after_two_days_the_hour_of_the_day_is_expected() -> None:
    baseline = a_baseline()
    a_day_long(baseline, 2 * DAY_S)
    for hours in (3, 9, 15, 21):
        at = 2 * DAY_S + 3600 * hours + 1800
        rate, _ = baseline.expected(at)
        ratio = (rate[0] / baseline.expected(2 * DAY_S)[0][0]) / (factor(at) / factor(2 * DAY_S))
        assert abs(ratio - 1) < 0.1, f"hour {hours}"


def test_a_memory_gives_the_seasons_to_a_later_start_which_learns_its_own_level() -> None:
    first = a_baseline()
    a_day_long(first, 2 * DAY_S)
    second = a_baseline()
    second.recall(json.loads(json.dumps(first.memory([0]))))
    a_day_long(second, 1800, 2 * DAY_S)
    assert abs(second.expected(2 * DAY_S + 1800)[0][0] / (100 * factor(2 * DAY_S + 1800)) - 1) < 0.1
    np.testing.assert_allclose(second.season_rate, first.season_rate, atol=0.01)


def test_one_wild_step_hardly_moves_what_is_usual() -> None:
    baseline = a_baseline()
    a_day_long(baseline, 7200)
    rate, share = (each.copy() for each in baseline.expected(7200))
    baseline.learn(7230, np.array([[5000.0, 0.0, 0.0]]), np.zeros((1, 1, 3)), CALM)
    moved_rate, moved_share = baseline.expected(7200)
    assert moved_rate[0] / rate[0] < 1.02
    assert abs(moved_share[0, 0] - share[0, 0]) < 0.01


def test_a_series_in_an_incident_keeps_what_was_usual_before() -> None:
    baseline = a_baseline()
    a_day_long(baseline, 7200)
    before = baseline.expected(7200)[1][0, 0]
    for step in range(20):
        baseline.learn(7230 + STEP_S * step, np.array([[80.0, 20.0, 20.0]]), np.zeros((1, 1, 3)), ~CALM)
    assert abs(baseline.expected(7200)[1][0, 0] - before) < 0.02
