"""Groups symptoms into incidents, each with a beginning, an end, a cause and a severity.

A symptom that appears while an incident is open belongs to it. An incident ends after QUIET_S without symptoms. A
symptom of the same series within REOPENED_S opens it again, so that one event is not reported as two incidents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from streaming.alerts.detection.causes import AUDIENCE, Cause, about, cause
from streaming.alerts.detection.counts import STEP_S
from streaming.alerts.detection.detector import MEASURES, VOLUME, Detector, Symptom
from streaming.alerts.detection.evidence import Evidence, examples
from streaming.alerts.detection.pauses import Pauses
from streaming.alerts.detection.text import AGE, ALL, COHORT, LOCATION, TOPIC, Text

QUIET_S = 300.0
REOPENED_S = 600.0
OPEN, CLOSED = "open", "closed"
INFO, WARNING, CRITICAL = "info", "warning", "critical"
SEVERITIES = (INFO, WARNING, CRITICAL)
# An incident is critical if the negative share of all texts rose by this much, or the number of texts by this factor.
CRITICAL_SHARE, CRITICAL_FACTOR = 0.15, 3.0
# The cause is decided again in each step for this long, because the first step has few texts.
DECIDED_AFTER_S = 240.0
MAX_NAMED = 5


@dataclass(frozen=True)
class Incident:
    """One incident. Times in epoch seconds: `since` it began, `found` it was reported, `ended` (None while open)."""

    id: str
    since: float
    found: float
    last_seen: float
    cause: Cause
    symptoms: dict[str, Symptom] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    posts: tuple[Text, ...] = ()
    ended: float | None = None

    @property
    def state(self) -> str:
        """OPEN or CLOSED."""
        return OPEN if self.ended is None else CLOSED

    @property
    def main(self) -> Symptom:
        """The symptom with the largest distance; one of sentiment, if there is any, else of volume."""
        return max(self.symptoms.values(), key=lambda each: (each.measure != MEASURES[VOLUME], abs(each.distance)))

    @property
    def rate(self) -> float:
        """The false discovery rate of the clearest symptom, at most the probability that the incident is chance."""
        return min(each.rate for each in self.symptoms.values())

    @property
    def severity(self) -> str:
        """CRITICAL, WARNING or INFO, by how much of the stream changed and how far."""
        overall = [each for each in self.symptoms.values() if each.series.kind == ALL]
        moved = max((each.found - each.usual for each in overall if each.measure == MEASURES[0]), default=0.0)
        grown = max(
            (each.found / max(each.usual, 1) for each in overall if each.measure == MEASURES[VOLUME]), default=1.0
        )
        if moved >= CRITICAL_SHARE or grown >= CRITICAL_FACTOR:
            return CRITICAL
        return WARNING if overall or self.cause.name != AUDIENCE else INFO

    def named(self, *kinds: str) -> list[str]:
        """The names of at most MAX_NAMED series of these kinds that rose, the largest distance first."""
        found = [each for each in self.symptoms.values() if each.series.kind in kinds and each.distance > 0]
        ranked = sorted(found, key=lambda each: -abs(each.distance))
        return list(dict.fromkeys(each.series.name for each in ranked))[:MAX_NAMED]

    @property
    def topics(self) -> list[str]:
        """The hashtags whose texts changed most."""
        return self.named(TOPIC)

    @property
    def cohorts(self) -> list[str]:
        """The locations, age bands and cohorts whose texts changed most."""
        return self.named(COHORT, LOCATION, AGE)


class Incidents:
    """Finds the incidents of one stream of texts. For one thread."""

    def __init__(
        self, prefix: str = "incident", memory: Mapping[str, Any] | None = None, pauses: Pauses | None = None
    ) -> None:
        """`memory`: the return value of `memory` of an earlier detection of the same stream.

        `pauses`: when no texts could arrive; the detection notes in them that texts flow again.
        """
        self._prefix = prefix
        self._detector = Detector()
        self._detector.recall(memory or {})
        self._evidence = Evidence()
        self._pauses = pauses or Pauses()
        self.current: Incident | None = None

    def memory(self) -> dict[str, Any]:
        """The seasons, which took days to learn, as a JSON object for a later start."""
        return self._detector.memory()

    def step(self, end: float, texts: Sequence[Text]) -> Incident | None:
        """Add the texts of the step that ended at `end` (epoch seconds); returns the incident if it changed.

        A step of a pause with few texts is left out, and the steps before and after it are tested as neighbours.
        """
        if self._is_left_out(end, len(texts)):
            return None
        symptoms = self._detector.step(end, texts)
        self._evidence.add_step(end, texts, calm=not symptoms)
        if symptoms:
            self.current = self._seen(end, symptoms)
            return self.current
        if self.current is not None and self.current.ended is None and end - self.current.last_seen >= QUIET_S:
            self.current = replace(self.current, ended=self.current.last_seen)
            return self.current
        return None

    def _is_left_out(self, end: float, texts: int) -> bool:
        if not self._pauses.covers(end):
            return False
        if self._detector.is_few(end, texts):
            return True
        self._pauses.resumed(end)
        return False

    def _seen(self, end: float, symptoms: Sequence[Symptom]) -> Incident:
        incident = self.current if self.current is not None and self._continues(self.current, end, symptoms) else None
        if incident is None:
            since = min(each.since for each in symptoms)
            identity = f"{self._prefix}-{int(end)}"
            incident = Incident(identity, since, end, end, cause(self._evidence, symptoms, end))
        elif end - incident.found <= DECIDED_AFTER_S:
            incident = replace(incident, cause=_surer(incident.cause, cause(self._evidence, symptoms, end)))
        clearest = dict(incident.symptoms)
        for each in symptoms:
            known = clearest.get(each.identity)
            if known is None or abs(each.distance) > abs(known.distance):
                clearest[each.identity] = each
        incident = replace(incident, symptoms=clearest, last_seen=end, ended=None)
        return self._described(incident, end)

    def _continues(self, incident: Incident, end: float, symptoms: Sequence[Symptom]) -> bool:
        """True if the incident is open, or ended a moment ago with some of the same series."""
        if incident.ended is None:
            return True
        known = {each.series for each in incident.symptoms.values()}
        return end - incident.ended <= REOPENED_S and any(each.series in known for each in symptoms)

    def _described(self, incident: Incident, end: float) -> Incident:
        if end - incident.found > DECIDED_AFTER_S:
            return incident
        texts = about(self._evidence.recent(), list(incident.symptoms.values()))
        terms = tuple(self._evidence.driving_terms(texts))
        return replace(incident, terms=terms, posts=tuple(examples(texts, terms)))


def _surer(known: Cause, new: Cause) -> Cause:
    """The more certain cause. On a tie the new one, because it is decided from more texts."""
    return new if new.sure >= known.sure else known


__all__ = ["STEP_S", "Incident", "Incidents"]
