"""The detection of incidents: what it finds in hand-made streams, what it calls it, and what it sleeps through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from random import Random

import pytest

from streaming.alerts.detection.counts import STEP_S, Counts
from streaming.alerts.detection.incidents import Incident, Incidents
from streaming.alerts.detection.text import (
    COHORT,
    TOPIC,
    Series,
    Text,
    series,
    topics,
)

NEGATIVE, NEUTRAL, POSITIVE = range(3)
THINGS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "pe") for b in ("ra", "ti", "su") for c in ("no", "ve", "da")]
PLACES = ("London, UK", "Lagos, Nigeria")


def a_text(rng: Random, end: float, number: int, **overrides: object) -> Text:
    usual = Text(
        event_id=f"{end}-{number}",
        at=end - STEP_S * rng.random(),
        entity=rng.choice(("post", "comment")),
        user=f"u{rng.randrange(3000)}",
        text=" ".join(rng.choices(THINGS, k=rng.randint(5, 12))) + (" #tea" if rng.random() < 0.2 else ""),
        sentiment=rng.choices((NEGATIVE, NEUTRAL, POSITIVE), (3, 3, 4))[0],
        version="1",
        location=rng.choice(PLACES),
        age_band=rng.choice(("18-24", "25-34")),
    )
    return usual._replace(**overrides)  # type: ignore[arg-type]


class Stream:
    """A detection that has watched a calm hour of 60 texts a step; `play` continues it."""

    def __init__(self) -> None:
        self.rng = Random(7)
        self.detection = Incidents()
        self.end = 0.0
        self.found: dict[str, Incident] = {}
        self.play(120)

    def play(self, steps: int, change: Callable[[Text, Random], Text] = lambda text, _: text, texts: int = 60) -> None:
        for _ in range(steps):
            self.end += STEP_S
            step = [change(a_text(self.rng, self.end, number), self.rng) for number in range(texts)]
            incident = self.detection.step(self.end, step)
            if incident is not None:
                self.found[incident.id] = incident

    def the_incident(self) -> Incident:
        (incident,) = self.found.values()
        return incident


def an_outage(text: Text, rng: Random) -> Text:
    if rng.random() < 0.6:
        return text
    words = f"{text.text} login broken {rng.choice(THINGS)} #outage"
    return text._replace(text=words, sentiment=NEGATIVE if rng.random() < 0.85 else NEUTRAL)


def a_raid(text: Text, rng: Random) -> Text:
    if rng.random() < 0.7:
        return text
    words = f"do not buy this garbage game {rng.choice(THINGS)} #boycott"
    return text._replace(entity="post", user=f"bot{rng.randrange(12)}", text=words, sentiment=NEGATIVE)


def another_version(text: Text, rng: Random) -> Text:
    worse = text.sentiment == POSITIVE and rng.random() < 0.7
    return text._replace(version="2", sentiment=NEGATIVE if worse else text.sentiment)


def another_source(text: Text, rng: Random) -> Text:
    words = " ".join(f"{rng.choice(THINGS)}{rng.choice(THINGS)}" for _ in range(30))
    return text._replace(text=words, sentiment=NEUTRAL)


@pytest.fixture(scope="module")
def an_hour() -> Stream:
    return Stream()


@pytest.fixture
def stream(an_hour: Stream) -> Stream:
    return copy.deepcopy(an_hour)


def test_calm_hours_raise_nothing(stream: Stream) -> None:
    stream.play(240)
    assert stream.found == {}


def test_an_outage_is_found_within_a_minute_and_is_one_incident_for_its_many_symptoms(stream: Stream) -> None:
    began = stream.end
    stream.play(10, an_outage)
    incident = stream.the_incident()
    assert incident.found - began <= 60
    assert abs(incident.since - began) <= STEP_S
    assert len(incident.symptoms) > 3
    assert (incident.cause.name, incident.topics[0]) == ("audience", "outage")
    assert {"login", "broken"} <= set(incident.terms)
    assert all("#outage" in post.text for post in incident.posts)
    assert incident.severity == "critical"


def test_an_incident_ends_when_its_symptoms_do_and_what_swings_back_is_no_new_one(stream: Stream) -> None:
    stream.play(10, an_outage)
    over = stream.end
    stream.play(60)
    incident = stream.the_incident()
    assert incident.state == "closed"
    assert incident.ended is not None
    assert abs(incident.ended - over) < 600


def test_a_second_outage_half_an_hour_later_is_an_incident_of_its_own(stream: Stream) -> None:
    for _ in range(2):
        stream.play(10, an_outage)
        stream.play(60)
    assert len(stream.found) == 2


def test_a_raid_by_few_new_accounts_is_called_one(stream: Stream) -> None:
    stream.play(10, a_raid)
    incident = stream.the_incident()
    assert incident.cause.name == "bots"
    assert "by 12 accounts" in incident.cause.why


def test_a_new_version_that_scores_otherwise_is_the_cause(stream: Stream) -> None:
    stream.play(10, another_version)
    assert stream.the_incident().cause.name == "model"


def test_a_new_version_that_scores_alike_raises_nothing(stream: Stream) -> None:
    stream.play(20, lambda text, _: text._replace(version="2"))
    assert stream.found == {}


def test_texts_of_another_kind_are_the_cause(stream: Stream) -> None:
    stream.play(10, another_source)
    assert stream.the_incident().cause.name == "data"


def test_a_stream_that_dries_up_is_an_incident(stream: Stream) -> None:
    stream.play(4, texts=12)
    incident = stream.the_incident()
    assert incident.main.measure == "volume"
    assert incident.main.found < incident.main.usual


def test_a_shift_of_one_place_names_that_place(stream: Stream) -> None:

    def bad_news(text: Text, rng: Random) -> Text:
        return text._replace(sentiment=NEGATIVE) if text.location == PLACES[0] and rng.random() < 0.5 else text

    stream.play(10, bad_news)
    assert any(PLACES[0] in cohort for cohort in stream.the_incident().cohorts)
    assert not any(PLACES[1] in cohort for cohort in stream.the_incident().cohorts)


def test_a_text_counts_for_each_of_its_series() -> None:
    text = a_text(
        Random(1), 30.0, 0, text="so #Tea and #tea & #1st, not &#39; #2026", location="London, UK", age_band="65+"
    )
    assert topics(text.text) == ["tea", "1st"]
    kinds = [each.kind for each in series(text)]
    assert kinds == ["all", TOPIC, TOPIC, "location", "age", COHORT]


def test_a_topic_gets_a_place_once_it_is_frequent_and_gives_it_up_for_another(monkeypatch) -> None:
    monkeypatch.setattr("streaming.alerts.detection.counts.MAX_SERIES", 7)
    counts, rng = Counts(), Random(1)

    def step(tag: str, many: int) -> None:
        counts.add_step([a_text(rng, 30.0, n, text=f"#{tag}", location=PLACES[0]) for n in range(many)])

    step("rare", 2)
    step("first", 8)
    assert Series(TOPIC, "rare") not in counts.places
    assert counts.last(1)[counts.places[Series(TOPIC, "first")]].sum() == 8
    step("second", 9)
    assert Series(TOPIC, "first") not in counts.places
    assert counts.last(2)[counts.places[Series(TOPIC, "second")]].sum() == 9
