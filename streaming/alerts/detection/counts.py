"""Counts of texts by step and series: a ring of the last steps, in one array.

A step is STEP_S seconds of event time. A topic gets a column when a step has MIN_ADMITTED of its texts; its earlier
texts are not counted. When all MAX_SERIES columns are in use, a new series gets the column of the least used topic.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from streaming.alerts.detection.text import EVERYTHING, TOPIC, Series, Text, series

STEP_S = 30
# Steps of the longest window.
STEPS = 10
MIN_ADMITTED = 3
MAX_SERIES = 1_500

Numbers = npt.NDArray[np.float64]


class Counts:
    """The texts of the last STEPS steps by series and sentiment. `places` maps each series to its column."""

    def __init__(self) -> None:
        self.places: dict[Series, int] = {EVERYTHING: 0}
        self.names: list[Series] = [EVERYTHING]
        # How many steps were counted.
        self.steps = 0
        self._ring = np.zeros((STEPS, 256, 3))
        self._at = 0

    @property
    def size(self) -> int:
        """How many columns are in use."""
        return len(self.names)

    def add_step(self, texts: Iterable[Text]) -> list[int]:
        """Count the texts of the next step; returns the columns that were given to new series."""
        found: Counter[tuple[Series, int]] = Counter()
        totals: Counter[Series] = Counter()
        for text in texts:
            for each in series(text):
                found[each, text.sentiment] += 1
                totals[each] += 1
        self.steps += 1
        self._at = (self._at + 1) % STEPS
        self._ring[self._at] = 0
        new = [self._admit(each) for each, count in totals.items() if self._is_new(each, count)]
        for (each, sentiment), count in found.items():
            if each in self.places:
                self._ring[self._at, self.places[each], sentiment] = count
        return new

    def admit_all(self, names: Iterable[Series]) -> None:
        """Give these series columns, in this order, before the first step."""
        for each in names:
            if each not in self.places:
                self._admit(each)

    def last(self, steps: int) -> Numbers:
        """The sums of the last steps: (series, sentiments)."""
        rows = [(self._at - back) % STEPS for back in range(steps)]
        sums: Numbers = self._ring[rows, : self.size].sum(axis=0)
        return sums

    def _is_new(self, each: Series, count: int) -> bool:
        return each not in self.places and (each.kind != TOPIC or count >= MIN_ADMITTED)

    def _admit(self, each: Series) -> int:
        if self.size < MAX_SERIES:
            place = self.size
            self.names.append(each)
            if place == self._ring.shape[1]:
                self._ring = np.concatenate([self._ring, np.zeros_like(self._ring)], axis=1)
        else:
            place = self._least_used()
            del self.places[self.names[place]]
            self.names[place] = each
            self._ring[:, place] = 0
        self.places[each] = place
        return place

    def _least_used(self) -> int:
        used = self.last(STEPS).sum(axis=1)
        used[[place for each, place in self.places.items() if each.kind != TOPIC]] = np.inf
        return int(np.argmin(used))
