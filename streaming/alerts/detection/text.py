"""A scored text, and the series in which the detection counts it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from streaming.tables.gold_sentiment_by_topic import TOPICS_PER_TEXT
from streaming.tables.gold_terms_by_hour import STOP_WORDS

SENTIMENTS = ("negative", "neutral", "positive")
ALL, TOPIC, LOCATION, AGE, COHORT = "all", "topic", "location", "age", "cohort"
UNKNOWN = "unknown"

_TOPIC = re.compile(r"(?<![\w&])#(?=[\d_]*[^\W\d_])(\w{1,100})(?!\w)")
_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[@#]\w+")
_WORD = re.compile(r"[^\W\d_]{3,40}")


class Text(NamedTuple):
    """One post or comment. `at`: event time in epoch seconds; `sentiment`: an index of SENTIMENTS."""

    event_id: str
    at: float
    entity: str
    user: str
    text: str
    sentiment: int
    version: str
    location: str = UNKNOWN
    age_band: str = UNKNOWN


class Series(NamedTuple):
    """A set of texts: all, or those of one topic, location, age band or cohort (`location, age band`)."""

    kind: str
    name: str

    def __str__(self) -> str:
        """For people: `topic #outage`, `location London, UK`."""
        if self.kind == ALL:
            return "all texts"
        return f"{self.kind} #{self.name}" if self.kind == TOPIC else f"{self.kind} {self.name}"


EVERYTHING = Series(ALL, "")


def topics(text: str) -> list[str]:
    """The first distinct hashtags of a text, lower case, without #."""
    if "#" not in text:
        return []
    return list(dict.fromkeys(_TOPIC.findall(text.lower())))[:TOPICS_PER_TEXT]


def series(text: Text) -> Iterator[Series]:
    """The series in which a text is counted; locations, age bands and cohorts only if they are known."""
    yield EVERYTHING
    for topic in topics(text.text):
        yield Series(TOPIC, topic)
    if text.location != UNKNOWN:
        yield Series(LOCATION, text.location)
    if text.age_band != UNKNOWN:
        yield Series(AGE, text.age_band)
    if UNKNOWN not in (text.location, text.age_band):
        yield Series(COHORT, f"{text.location}, {text.age_band}")


def words(text: str) -> list[str]:
    """The words of a text in order, lower case, without addresses, names and hashtags."""
    return _WORD.findall(_NOT_WORDS.sub(" ", text.lower()))


def terms(text: str) -> set[str]:
    """The words of a text without stop words."""
    return {word for word in words(text) if word not in STOP_WORDS}


def skeleton(text: str) -> str:
    """The words of a text as one string, which is the same for texts that differ only in addresses, names or emoji."""
    return " ".join(words(text))
