"""Spans of time in which no job ran, or none could receive texts. Few texts of such a span are no fall in volume.

Some texts of a span may come later, because the stream keeps records: steps with as many texts as usual are tested.
After a span the hops and the senders need a while to begin, so it lasts until the first step with as many texts as
usual, and SETTLE_S longer at most: then silence is an incident again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from streaming.alerts.detection.counts import STEP_S

SETTLE_S = 300.0
# Older spans are forgotten. `moodstream alerts replay` looks back a few days.
KEPT_S = 7 * 86_400.0


class Pause(NamedTuple):
    """One span, in epoch seconds. Steps with few texts are left out from `since` to `over`; `until` is its own end."""

    since: float
    until: float
    over: float


class Pauses:
    """The spans of one stream, the oldest first."""

    def __init__(self, known: Iterable[Pause] = ()) -> None:
        self._known = list(known)

    def add(self, since: float, until: float) -> None:
        """Add a span; it prolongs the last one if that is not over."""
        if self._known and since <= self._known[-1].over:
            since = min(since, self._known.pop().since)
        self._known.append(Pause(since, until, until + SETTLE_S))
        self._known = [each for each in self._known if each.until >= until - KEPT_S]

    def covers(self, end: float) -> bool:
        """True if any part of the step that ends at `end` (epoch seconds) is in a span."""
        return any(each.since < end and end - STEP_S < each.over for each in self._known)

    def resumed(self, end: float) -> None:
        """Note that the step that ended at `end` had as many texts as usual: a span that ended before it is over."""
        self._known = [each._replace(over=each.until) if each.until <= end - STEP_S else each for each in self._known]

    def known(self) -> list[Pause]:
        """All spans, the oldest first."""
        return list(self._known)
