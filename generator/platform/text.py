"""Writes posts and comments: fills a pattern for the mood with the topic's words, then adds typos, slang or emoji."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

SLANG_SHARE = 0.06
TYPO_SHARE = 0.05
ELONGATION_SHARE = 0.04
SHOUTING_SHARE = 0.02
EMOJI_SHARE = 0.22
TAG_SHARE = 0.30
LINK_SHARE = 0.05
SARCASM_SHARE = 0.05  # of negative posts
EPISODE_TAG_SHARE = 0.85
COINED_SHARE = 0.08  # of things and tags are newly coined words
COINED_TAIL = 1 / (1.4 - 1)  # words of rank r come up as r^-1.4, so new ones never end
SYLLABLES = tuple(c + v for c in (*"bdfgklmnprstvz", "sh", "ch") for v in "aeiou")


@dataclass(frozen=True)
class Topic:
    """What a community talks about; `mood` are its shares of negative, neutral, positive posts."""

    name: str
    share: float
    mood: tuple[float, float, float]
    things: Sequence[str]
    tags: Sequence[str]
    fans: Sequence[str]
    gripes: Sequence[str]


@dataclass(frozen=True)
class Vocabulary:
    """Everything in `vocabulary.toml`."""

    common: dict[str, list[str]]
    patterns: dict[str, list[str]]
    replies: dict[str, list[str]]
    languages: dict[str, dict[str, list[str]]]
    topics: tuple[Topic, ...]


@cache
def vocabulary() -> Vocabulary:
    """Load the packaged vocabulary (once a process)."""
    raw: dict[str, Any] = tomllib.loads(files("generator.platform").joinpath("vocabulary.toml").read_text("utf-8"))
    topics = tuple(
        Topic(name, t["share"], tuple(t["mood"]), t["things"], t["tags"], t["fans"], t["gripes"])
        for name, t in raw["topics"].items()
    )
    return Vocabulary(raw["common"], raw["patterns"], raw["replies"], raw["languages"], topics)


def coin(draw: float) -> str:
    """Return the word whose rank a uniform draw gives: an endless vocabulary that takes no memory."""
    rank = int(min((1.0 - draw) ** -COINED_TAIL, 1e12))
    word = ""
    while rank or len(word) < 4:
        rank, place = divmod(rank, len(SYLLABLES))
        word += SYLLABLES[place]
    return word


class Slots:
    """Fills a pattern's %(slots)s at random, drawing only those that the pattern has."""

    def __init__(self, rng: Random, words: Vocabulary, people: Sequence[str]) -> None:
        self._random = rng.random
        self._people = people
        self._lists: dict[str, Sequence[str]] = dict(words.common)
        self._topics: dict[str, dict[str, Sequence[str]]] = {}
        for topic in words.topics:
            self.learn(topic.name, topic)
        self._topic = self._topics[words.topics[0].name]

    def learn(self, name: str, topic: Topic) -> None:
        """Add lists under another name."""
        self._topics[name] = {"thing": topic.things, "fan": topic.fans, "gripe": topic.gripes, "tag": topic.tags}

    def about(self, topic: str) -> Slots:
        """Fill from this topic's lists from now on."""
        self._topic = self._topics[topic]
        return self

    def __getitem__(self, slot: str) -> str:
        words = self._topic.get(slot) or self._lists.get(slot)
        if words is not None:
            if slot in ("thing", "tag") and self._random() < COINED_SHARE:
                return coin(self._random())
            return words[int(self._random() * len(words))]
        if slot == "someone":
            return "@" + self._people[int(self._random() * len(self._people))]
        return f"https://mood.example/{int(self._random() * 1e9):x}"  # link


class Writer:
    """Writes posts and comments. Deterministic in the random generator it is given."""

    def __init__(self, rng: Random, people: Sequence[str]) -> None:
        self._random = rng.random
        self._words = vocabulary()
        self._slots = Slots(rng, self._words, people)

    def learn(self, name: str, topic: Topic) -> None:
        """Let `name` stand for these words where a topic is asked for."""
        self._slots.learn(name, topic)

    def post(self, topic: str, mood: str, language: str, tag_share: float = TAG_SHARE) -> str:
        """Return a post's text: at most a few hundred characters, never blank."""
        patterns = self._words.patterns[mood]
        if language != "en":
            patterns = self._words.languages[language][mood]
        elif mood == "negative" and self._random() < SARCASM_SHARE:
            patterns = self._words.patterns["sarcastic"]
        text = self._pick(patterns) % self._slots.about(topic)
        if self._random() < tag_share:
            text = f"{text} #{self._slots['tag']}"
        if self._random() < LINK_SHARE:
            text = f"{text} {self._slots['link']}"
        return self._rough(text, mood)

    def slogan(self, topic: str, mood: str) -> str:
        """Return what a bot writes: always one of two patterns, always tagged."""
        pattern = self._words.patterns[mood][int(self._random() * 2)]
        return f"{pattern % self._slots.about(topic)} #{self._slots['tag']}"

    def reply(self, topic: str, mood: str, agrees: bool) -> str:
        """Return a comment's text, taking a side towards what it answers."""
        stance = mood if mood == "neutral" else f"{'agree' if agrees else 'disagree'}_{mood}"
        text = self._pick(self._words.replies[stance]) % self._slots.about(topic)
        return self._rough(text, mood)

    def _pick(self, words: Sequence[str]) -> str:
        return words[int(self._random() * len(words))]

    def _rough(self, text: str, mood: str) -> str:
        """Add what people do to texts; one draw decides, so that most texts cost one draw."""
        draw = self._random()
        if draw < EMOJI_SHARE:
            return f"{text} {self._pick(self._words.common['emoji_' + mood])}"
        draw -= EMOJI_SHARE
        if draw < SLANG_SHARE:
            return f"{self._pick(self._words.common['slang'])} {text}"
        draw -= SLANG_SHARE
        if draw < TYPO_SHARE:
            return self._typo(text)
        draw -= TYPO_SHARE
        if draw < ELONGATION_SHARE:
            return self._elongate(text)
        draw -= ELONGATION_SHARE
        return text.upper() + "!!" if draw < SHOUTING_SHARE else text

    def _typo(self, text: str) -> str:
        at = 1 + int(self._random() * max(1, len(text) - 2))
        return text[: at - 1] + text[at : at + 1] + text[at - 1 : at] + text[at + 1 :]

    def _elongate(self, text: str) -> str:
        for vowel in "oaei":
            at = text.rfind(vowel)
            if at >= 0:
                return text[:at] + vowel * (3 + int(self._random() * 4)) + text[at + 1 :]
        return text
