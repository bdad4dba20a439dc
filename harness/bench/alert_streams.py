"""Simulated streams whose incidents are known: what `bench alerts` judges the detection by.

The mock platform makes the texts, with its episodes as the truth. A stand-in scorer gives each text its true sentiment
with the accuracy of a real model. Two incidents that no episode of the platform makes are added: a release of the model
that scores otherwise, and a source whose texts are of another kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from generator.events.records import MOODS, Event
from generator.platform.episodes import Episode, of_kind
from generator.platform.load_curves import load_curve
from generator.platform.network import Platform
from generator.platform.people import PLACES
from generator.platform.running_episodes import RunningEpisodes
from generator.platform.text import coin
from streaming.alerts.detection import causes
from streaming.alerts.detection.counts import STEP_S
from streaming.alerts.detection.incidents import Incident, Incidents
from streaming.alerts.detection.text import Text
from streaming.tables.gold_sentiment_by_cohort import age_band

USERS = 20_000
ACCURACY = 0.72
BEGAN = 1_767_225_600.0  # 2026-01-01T00:00:00Z
WARM_UP_S, APART_S, JITTER_S = 2_400.0, 2_100.0, 300.0
# Events may arrive a little late: a step is complete when an event of so many seconds later is there.
GRACE_S = 5.0
RELEASE, SOURCE = "release", "source"
KINDS = ("outage", "scandal", "launch", "raid", "holiday", RELEASE, SOURCE)
CAUSES = {"raid": causes.BOTS, RELEASE: causes.MODEL, SOURCE: causes.DATA}
NEGATIVE, NEUTRAL, POSITIVE = range(3)


@dataclass(frozen=True)
class Truth:
    """An incident that is in a stream: `start` and `end` in epoch seconds, and what it does."""

    kind: str
    start: float
    end: float
    episode: Episode | None = None
    share: float = 0.0

    @property
    def cause(self) -> str:
        """The cause that the detection must find."""
        return CAUSES.get(self.kind, causes.AUDIENCE)


def truths(seed: str, count: int) -> list[Truth]:
    """Draw `count` incidents, one after the other; every kind comes up equally often."""
    rng = Random(f"{seed}/incidents")
    first = rng.randrange(len(KINDS))
    kinds = [KINDS[(first + number) % len(KINDS)] for number in range(count)]
    rng.shuffle(kinds)
    found = []
    for number, kind in enumerate(kinds):
        start = WARM_UP_S + number * APART_S + rng.uniform(0, JITTER_S)
        length = rng.uniform(180, 720)
        share = rng.uniform(0.6, 1.0)
        episode = None if kind in (RELEASE, SOURCE) else _episode(rng, kind, start, length)
        found.append(Truth(kind, BEGAN + start, BEGAN + start + length, episode, share))
    return found


def _episode(rng: Random, kind: str, start: float, length: float) -> Episode:
    episode = of_kind(kind, start=start, length=length, volume=rng.uniform(1.2, 3.0), share=rng.uniform(0.25, 0.6))
    if kind == "raid":
        return replace(episode, bots=rng.randint(5, 60))
    if rng.random() < 0.2:
        return replace(episode, place=rng.choice(PLACES).name)
    return replace(episode, ages=(13, 24)) if rng.random() < 0.2 else episode


class Stream:
    """The scored texts of a run of the platform, `rate` events a second on average, in order of their times."""

    def __init__(self, seed: str, rate: float, incidents: Sequence[Truth], curve: str = "daily") -> None:
        episodes = [each.episode for each in incidents if each.episode is not None]
        self._platform = Platform(
            Random(f"{seed}/cast"), Random(f"{seed}/acts"), USERS, RunningEpisodes(episodes, BEGAN)
        )
        self._factor = load_curve(curve, episodes, BEGAN)
        self._rate = rate
        self._random = Random(f"{seed}/scores")
        self._added = [each for each in incidents if each.episode is None]

    def texts(self, seconds: float) -> Iterator[Text]:
        """The texts of the first `seconds`."""
        at = 0.0
        while at < seconds:
            at += 1 / (self._rate * self._factor(at))
            event = self._platform.step(BEGAN + at)
            if event.mood is not None:
                yield self._scored(event)

    def _scored(self, event: Event) -> Text:
        added = next((each for each in self._added if each.start <= event.at < each.end), None)
        text, sentiment, version = json.loads(event.payload)["text"], self._judged(MOODS.index(event.mood or "")), "1"
        if added is not None and added.kind == RELEASE:
            version = "2"
            if sentiment == POSITIVE and self._random.random() < added.share:
                sentiment = NEGATIVE
        elif added is not None and self._random.random() < added.share:
            text, sentiment = self._foreign(), NEUTRAL if self._random.random() < 0.85 else NEGATIVE
        person = self._platform.population.people[int(event.actor[1:])]
        place = PLACES[person.place].name
        return Text(
            event.event_id, event.at, event.kind, event.actor, text, sentiment, version, place, age_band(person.age)
        )

    def _judged(self, mood: int) -> int:
        if self._random.random() < ACCURACY:
            return mood
        return (mood + self._random.choice((1, 2))) % 3

    def _foreign(self) -> str:
        """A text of a language that the stream has never had."""
        return " ".join(coin(self._random.random() ** 0.2) for _ in range(self._random.randint(8, 40)))


def watched(texts: Iterator[Text], tell: Callable[[float], None] = lambda _: None) -> list[Incident]:
    """The incidents that the detection finds in a stream, as they were when they ended; `tell` gets the time reached.

    `found` is the event time at which the incident was reported.
    """
    detection = Incidents()
    found: dict[str, Incident] = {}
    waiting: list[Text] = []
    end = BEGAN + STEP_S
    for text in texts:
        while text.at >= end + GRACE_S:
            step = [each for each in waiting if each.at < end]
            waiting = [each for each in waiting if each.at >= end]
            incident = detection.step(end, step)
            if incident is not None:
                found[incident.id] = incident
            tell(end)
            end += STEP_S
        waiting.append(text)
    return [replace(each, found=each.found + GRACE_S) for each in found.values()]
