"""The statistics under the alerts: what is far from usual, and what of many distances is no chance."""

from __future__ import annotations

import numpy as np
import pytest

from streaming.alerts.detection.significance import (
    chances,
    count_distance,
    false_discovery_rates,
    share_distance,
)


def test_benjamini_hochberg_gives_the_rates_of_a_worked_example() -> None:
    rates = false_discovery_rates(np.array([[0.04, 0.01], [0.03, 0.9]]))
    np.testing.assert_allclose(rates, [[0.04 * 4 / 3, 0.04], [0.04 * 4 / 3, 0.9]])


def test_a_distance_of_nearly_five_standard_deviations_is_one_chance_in_a_million() -> None:
    found = chances(np.array([4.8916, -4.8916, 1.0]))
    np.testing.assert_allclose(found, [1e-6, 1e-6, 1.0], rtol=1e-3)


def test_distances_of_chance_samples_are_spread_like_a_normal_distribution() -> None:
    rng = np.random.default_rng(1)
    texts = np.full(20_000, 200.0)
    shares = share_distance(rng.binomial(200, 0.2, 20_000).astype(float), texts, np.full(20_000, 0.2))
    counts = count_distance(rng.poisson(50, 20_000).astype(float), np.full(20_000, 50.0))
    assert [round(float(each.std()), 1) for each in (shares, counts)] == [1.0, 1.0]
    assert max(np.abs(shares).max(), np.abs(counts).max()) < 5.5


@pytest.mark.parametrize(("negative", "texts"), [(0, 0), (3, 3), (1, 1)])
def test_the_share_of_a_handful_of_texts_is_never_far_from_usual(negative: float, texts: float) -> None:
    assert abs(share_distance(np.array([negative]), np.array([texts]), np.array([0.3]))[0]) < 2.5
