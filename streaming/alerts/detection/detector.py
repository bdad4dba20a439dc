"""Finds the series that left their usual range: significance tests with control of false alarms, and hysteresis.

In every step each series is tested for its shares of negative and positive texts and for its number of texts, over
windows of one, two and five minutes. Benjamini-Hochberg over all of these tests limits false alarms: a step in which
nothing happened has a symptom with a probability of at most RATE. A symptom must be large as well as certain, and it
lasts until the distance has been small for OFF_STEPS steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streaming.alerts.detection.baseline import Baseline
from streaming.alerts.detection.counts import STEP_S, Counts, Numbers
from streaming.alerts.detection.significance import (
    chances,
    count_distance,
    false_discovery_rates,
    share_distance,
)
from streaming.alerts.detection.text import ALL, TOPIC, Series, Text

NEGATIVE, POSITIVE, VOLUME = 0, 1, 2
MEASURES = ("negative", "positive", "volume")
# One, two and five minutes, in steps.
WINDOWS = (2, 4, 10)
# No symptom is reported in the first two minutes. A baseline of few texts counts as uncertain afterwards too.
WARM_UP_STEPS = 4
RATE = 1e-4
# The smallest changes that are reported: of a share of all texts, of a share of one series, and of the number of texts.
SHARE_OF_ALL, SHARE_OF_PART, FACTOR = 0.07, 0.15, 1.5
MIN_TEXTS = 20
# A topic is new if it had fewer texts a minute than this. The volume of a topic is reported only if it grew by this
# share of all texts.
NEW_TOPIC_PER_MINUTE, NEW_TOPIC_SHARE = 0.5, 0.02
MIN_BASELINE_TEXTS = 60
# A symptom ends when its distance was below this for so many steps.
OFF_DISTANCE, OFF_STEPS = 2.0, 4
MEMORY_VERSION = 1


@dataclass(frozen=True)
class Symptom:
    """A series that is out of its usual range now. `since`: epoch seconds; `rate`: adjusted by Benjamini-Hochberg."""

    series: Series
    measure: str
    since: float
    texts: int
    usual: float
    found: float
    distance: float
    rate: float
    new: bool = False

    @property
    def identity(self) -> str:
        """A key of series and measure."""
        return f"{self.series.kind}/{self.series.name}/{self.measure}"


class Detector:
    """Counts, baseline and tests of one stream."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._baseline = Baseline(WINDOWS)
        shape = (0, len(MEASURES))
        self._on = np.zeros(shape, bool)
        self._quiet = np.zeros(shape, int)
        self._run = np.zeros(shape, int)
        self._rate = np.ones(shape)

    def step(self, end: float, texts: Sequence[Text]) -> list[Symptom]:
        """Test the step that ended at `end` (epoch seconds), and return its symptoms."""
        replaced = self._counts.add_step(texts)
        self._make_room(replaced)
        usual_rate, usual_share = self._baseline.expected(end - STEP_S / 2)
        # At the beginning of a stream the windows are shorter.
        lengths = [min(steps, self._counts.steps) for steps in WINDOWS]
        sums = [self._counts.last(steps) for steps in lengths]
        windows = [(each, usual_rate * steps, usual_share) for each, steps in zip(sums, lengths, strict=True)]
        raw = np.stack([_raw(*window) for window in windows], axis=1)
        distances = self._distances(raw, sums)
        worth = np.stack([self._worth(*window) for window in windows], axis=1)
        found: list[Symptom] = []
        if self._baseline.steps >= WARM_UP_STEPS:
            self._decide(raw[:, 0], distances, worth)
            found = self._symptoms(end, sums, (usual_rate, usual_share), distances)
        self._baseline.learn(end - STEP_S / 2, self._counts.last(1), raw, np.logical_not(self._on.any(axis=1)))
        return found

    def is_few(self, end: float, texts: int) -> bool:
        """True if so few texts, in the step that ended at `end` (epoch seconds), would look like a fall in volume."""
        if self._baseline.steps == 0:
            return False
        usual, _ = self._baseline.expected(end - STEP_S / 2)
        return bool(texts * FACTOR <= usual[0])

    def memory(self) -> dict[str, Any]:
        """The seasons of every series except rare topics, as a JSON object; they take days to learn."""
        kept = [place for place, each in enumerate(self._counts.names) if self._is_lasting(place, each)]
        names = [list(self._counts.names[place]) for place in kept]
        return {"version": MEMORY_VERSION, "names": names, "baseline": self._baseline.memory(kept)}

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Load a memory before the first step; a memory of another version is ignored."""
        if memory.get("version") != MEMORY_VERSION:
            return
        self._counts.admit_all(Series(kind, name) for kind, name in memory["names"])
        self._make_room([])
        self._baseline.recall(memory["baseline"])

    def _is_lasting(self, place: int, series: Series) -> bool:
        return series.kind != TOPIC or bool(self._baseline.season_rate[place].any())

    def _make_room(self, replaced: list[int]) -> None:
        size = self._counts.size
        more = size - len(self._on)
        self._baseline.grow(size)
        self._baseline.forget(replaced)
        for name in ("_on", "_quiet", "_run", "_rate"):
            old = getattr(self, name)
            grown = np.concatenate([old, np.zeros((more, len(MEASURES)), old.dtype)])
            grown[replaced] = 0
            setattr(self, name, grown)

    def _distances(self, raw: Numbers, sums: Sequence[Numbers]) -> Numbers:
        """Distances divided by the unrest of the series and the uncertainty of its baseline."""
        known = self._baseline.texts[:, None] + MIN_BASELINE_TEXTS
        n = np.stack([each.sum(axis=1) for each in sums], axis=1)
        uncertain = (1 + n / known)[:, :, None]
        distances: Numbers = raw / np.sqrt(self._baseline.unrest * uncertain)
        return distances

    def _worth(self, counts: Numbers, rate: Numbers, share: Numbers) -> np.ndarray:
        """True where a change is large enough to be reported: (series, measures)."""
        n = counts.sum(axis=1)
        kinds = np.array([each.kind for each in self._counts.names])
        limit = np.where(kinds == ALL, SHARE_OF_ALL, SHARE_OF_PART)[:, None]
        moved = np.abs(counts[:, [0, 2]] / np.maximum(n, 1)[:, None] - share) >= limit
        enough = (n >= MIN_TEXTS) & (self._baseline.texts >= MIN_BASELINE_TEXTS)
        more = (
            (n >= FACTOR * rate)
            & (n - rate >= np.where(kinds == TOPIC, NEW_TOPIC_SHARE, 0.0) * n[0])
            & (n >= MIN_TEXTS)
        )
        less = (n * FACTOR <= rate) & (rate >= MIN_TEXTS) & (kinds != TOPIC)
        return np.column_stack([moved & enough[:, None], more | less])

    def _decide(self, raw: Numbers, distances: Numbers, worth: np.ndarray) -> None:
        """Begin symptoms that are certain and large, and end those that were small for OFF_STEPS steps."""
        rates = false_discovery_rates(chances(distances))
        certain = ((rates <= RATE) & worth).any(axis=1)
        self._rate = np.where(certain, np.minimum(rates.min(axis=1), np.where(self._on, self._rate, 1.0)), self._rate)
        small = np.abs(distances[:, 0]) < OFF_DISTANCE
        self._quiet = np.where(small, self._quiet + 1, 0)
        self._on = certain | (self._on & (self._quiet < OFF_STEPS))
        self._run = np.where(np.abs(raw) > 1.5, self._run + 1, 0)

    def _symptoms(
        self, end: float, sums: Sequence[Numbers], usual: tuple[Numbers, Numbers], distances: Numbers
    ) -> list[Symptom]:
        counts, (rate, share) = sums[0], usual
        found = []
        for place, measure in zip(*np.nonzero(self._on), strict=True):
            n = counts[place].sum()
            if measure == VOLUME:
                expected, seen = rate[place] * WINDOWS[0], n
            else:
                expected, seen = share[place, measure], counts[place, 2 * measure] / max(n, 1)
            window = int(np.argmax(np.abs(distances[place, :, measure])))
            series = self._counts.names[place]
            run = max(int(self._run[place, measure]), 1)
            found.append(
                Symptom(
                    series,
                    MEASURES[measure],
                    end - run * STEP_S,
                    int(sums[window][place].sum()),
                    float(expected),
                    float(seen),
                    float(distances[place, window, measure]),
                    float(self._rate[place, measure]),
                    bool(series.kind == TOPIC and rate[place] * 60 / STEP_S < NEW_TOPIC_PER_MINUTE),
                )
            )
        return found


def _raw(counts: Numbers, rate: Numbers, share: Numbers) -> Numbers:
    """The distances of one window's counts: (series, measures)."""
    n = counts.sum(axis=1)[:, None]
    return np.column_stack([share_distance(counts[:, [0, 2]], n, share), count_distance(n[:, 0], rate)])
