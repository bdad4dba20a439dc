"""Learns the usual values of each series at each time of the day: texts a step, shares of sentiments, and their unrest.

Robust: a step moves the baseline by at most three standard deviations, and an incident slows its learning down to
FROZEN. Seasonal: each hour of the day has a factor on the texts and an offset of the shares, learnt from the days
before. Unrest is the overdispersion: the variance divided by that of independent texts. It exceeds 1 because people
answer each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streaming.alerts.detection.counts import STEP_S, Numbers

# Steps over which level and unrest are averaged: an hour, and two.
LEVEL_STEPS = 3600 / STEP_S
UNREST_STEPS = 240.0
# The pace of learning during an incident. It is not 0, so that a lasting change becomes usual after some hours.
FROZEN = 0.05
CLIP = 3.0
DAY_HOURS = 24
# Days over which the seasons are averaged.
SEASON_DAYS = 5.0
MIN_HOUR_TEXTS = 60
# A share of few texts is shrunk towards that of all texts, with the weight of this many texts.
PRIOR_TEXTS = 40.0
FIRST_UNREST = 1.5
SMALLEST_SHARE = 0.02
# The arrays that `memory` returns.
LASTING = ("unrest", "season_rate", "season_share", "_hour_rate", "_hour_share")


class Baseline:
    """Arrays with a row for each series; `windows` are lengths in steps. Row 0 is the series of all texts."""

    def __init__(self, windows: tuple[int, ...]) -> None:
        self._windows = windows
        self.steps = 0
        # Texts a step without the factor of the hour; shares of negative and positive; effective number of texts.
        self.rate = np.zeros(0)
        self.share = np.zeros((0, 2))
        self.texts = np.zeros(0)
        self.unrest = np.zeros((0, len(windows), 3))
        self.season_rate = np.zeros((0, DAY_HOURS))
        self.season_share = np.zeros((0, DAY_HOURS, 2))
        self._days = np.zeros(DAY_HOURS)
        self._hour_counts = np.zeros((0, 3))
        self._hour_rate = np.zeros((0, DAY_HOURS))
        self._hour_share = np.zeros((0, DAY_HOURS, 2))
        self._hour: int | None = None
        self._hour_steps = 0

    def grow(self, size: int) -> None:
        """Make room for `size` series."""
        more = size - len(self.rate)
        if more <= 0:
            return
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray) and name != "_days":
                setattr(self, name, np.concatenate([value, np.zeros((more, *value.shape[1:]))]))
        self.forget(range(size - more, size))

    def forget(self, places: range | list[int]) -> None:
        """Reset the series of these rows: to no texts, and to the shares of all texts."""
        for place in places:
            for name in ("rate", "texts", "season_rate", "season_share", "_hour_counts", "_hour_rate", "_hour_share"):
                getattr(self, name)[place] = 0
            self.share[place] = self.share[0] if self.steps else 1 / 3
            self.unrest[place] = self.unrest.mean(axis=0) if self.steps else FIRST_UNREST
            self.unrest[place] = np.maximum(self.unrest[place], FIRST_UNREST)

    def memory(self, places: Sequence[int]) -> dict[str, Any]:
        """The seasons and the unrest of the series of these rows, as lists. Only these take days to learn."""
        return {"days": self._days.tolist()} | {name: getattr(self, name)[places].round(4).tolist() for name in LASTING}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Load a memory into the first rows; call `grow` before."""
        self._days = np.array(memory["days"], float)
        for name in LASTING:
            value = np.array(memory[name], float)
            getattr(self, name)[: len(value)] = value

    def expected(self, at: float) -> tuple[Numbers, Numbers]:
        """The usual texts a step (series,) and shares of negative and positive (series, 2) at an epoch second."""
        rate = self.rate * np.exp(self._season(self.season_rate, at))
        own = self.share + self._season(self.season_share, at)
        weight = (self.texts / (self.texts + PRIOR_TEXTS))[:, None]
        shares = weight * own + (1 - weight) * own[0]
        return rate, np.clip(shares, SMALLEST_SHARE, 1 - SMALLEST_SHARE)

    def learn(self, at: float, counts: Numbers, raw: Numbers, calm: np.ndarray) -> None:
        """Add the step that ended at `at`.

        `counts`: its texts (series, sentiments); `raw`: the distances (series, windows, tests) before division by the
        unrest; `calm`: (series,), False where an incident goes on.
        """
        self.steps += 1
        pace = np.where(calm, 1.0, FROZEN)
        n = counts.sum(axis=1)
        self._learn_rate(at, n, pace)
        self._learn_share(at, counts[:, [0, 2]], n, pace)
        gain = (pace * np.maximum(1 / UNREST_STEPS, 1 / (self.steps + 20)))[:, None, None]
        self.unrest += gain * (np.clip(raw**2, 0, CLIP**2) - self.unrest)
        np.maximum(self.unrest, 1.0, out=self.unrest)
        self._learn_season(at, counts)

    def _learn_rate(self, at: float, n: Numbers, pace: Numbers) -> None:
        flat = n / np.exp(self._season(self.season_rate, at))
        limit = CLIP * np.sqrt(self.unrest[:, 0, 2] * np.maximum(self.rate, 0.5))
        step = flat - self.rate if self.steps < 5 else np.clip(flat - self.rate, -limit, limit)
        self.rate += pace * max(2 / LEVEL_STEPS, 1 / self.steps) * step

    def _learn_share(self, at: float, found: Numbers, n: Numbers, pace: Numbers) -> None:
        some = n > 0
        texts = np.maximum(n, 1)[:, None]
        step = found / texts - self._season(self.season_share, at) - self.share
        variance = np.clip(self.share * (1 - self.share), SMALLEST_SHARE, None)
        limit = CLIP * np.sqrt(self.unrest[:, 0, :2] * variance / texts)
        gain = pace * n / (self.texts + n + 1)
        self.share += np.where(some, gain, 0.0)[:, None] * np.clip(step, -limit, limit)
        self.texts += pace * (n - self.texts / LEVEL_STEPS)

    def _learn_season(self, at: float, counts: Numbers) -> None:
        hour = int(at // 3600)
        if self._hour is not None and hour != self._hour and self._hour_steps > LEVEL_STEPS / 2:
            self._close_hour(at, self._hour % DAY_HOURS)
        if hour != self._hour:
            self._hour, self._hour_steps = hour, 0
            self._hour_counts[:] = 0
        self._hour_counts += counts
        self._hour_steps += 1

    def _close_hour(self, at: float, hour: int) -> None:
        """Learn an hour's factors. The level changes by the opposite, so that the expected values do not jump."""
        n = self._hour_counts.sum(axis=1)
        self._days[hour] += 1
        gain = 1 / min(self._days[hour], SEASON_DAYS)
        self._hour_rate[:, hour] += gain * (n / self._hour_steps - self._hour_rate[:, hour])
        shares = self._hour_counts[:, [0, 2]] / np.maximum(n, 1)[:, None]
        self._hour_share[:, hour] += gain * (shares - self._hour_share[:, hour])
        if self._days.min() < 1:
            return
        before = self._season(self.season_rate, at), self._season(self.season_share, at)
        # If an hour has few texts, its factor would be noise.
        known = self._hour_rate.min(axis=1) * self._hour_steps >= MIN_HOUR_TEXTS
        rates = np.maximum(self._hour_rate, 0.01)
        self.season_rate = np.where(known[:, None], np.log(rates / rates.mean(axis=1, keepdims=True)), 0.0)
        offset = self._hour_share - self._hour_share.mean(axis=1, keepdims=True)
        self.season_share = np.where(known[:, None, None], offset, 0.0)
        self.rate *= np.exp(before[0] - self._season(self.season_rate, at))
        self.share += before[1] - self._season(self.season_share, at)

    @staticmethod
    def _season(season: Numbers, at: float) -> Numbers:
        """The value at an epoch second, between those of the two nearest middles of hours."""
        place = at / 3600 - 0.5
        hour, part = int(place // 1) % DAY_HOURS, place % 1
        value: Numbers = (1 - part) * season[:, hour] + part * season[:, (hour + 1) % DAY_HOURS]
        return value
