"""The episodes of a run as the platform meets them: what is going on now, and who takes part."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from generator.platform.text import Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.platform.episodes import Episode
    from generator.platform.people import Population
    from generator.platform.text import Writer


class Happening(NamedTuple):
    """One episode, tied to a population: its topic's number, its words' name, its bots."""

    episode: Episode
    topic: int
    words: str
    bots: range


class Happenings:
    """All episodes of a run that began at an epoch second; `on` says whether any has an effect now."""

    def __init__(self, episodes: Sequence[Episode], began: float) -> None:
        self._episodes, self._began = episodes, began
        self._all: list[Happening] = []
        self._now: list[tuple[float, Happening]] = []
        self.on = False

    def prepare(self, population: Population, writer: Writer) -> None:
        """Recruit the bots and teach the words."""
        names = [topic.name for topic in population.topics]
        for episode in self._episodes:
            number = names.index(episode.topic)
            usual = population.topics[number]
            words = f"{usual.name}: {episode.name}"
            writer.learn(
                words,
                Topic(
                    words,
                    0.0,
                    episode.mood,
                    episode.things or usual.things,
                    episode.tags,
                    episode.fans or usual.fans,
                    episode.gripes or usual.gripes,
                ),
            )
            self._all.append(Happening(episode, number, words, population.recruit(episode.bots)))

    def turn_to(self, at: float) -> None:
        """Find out what is going on at an epoch second."""
        self._now = []
        reached = 0.0
        for happening in self._all:
            episode = happening.episode
            share = episode.share * episode.intensity(at - self._began)
            if share > 0:
                reached += share
                self._now.append((reached, happening))
        self.on = bool(self._now)

    def draw(self, draw: float) -> Happening | None:
        """Turn a uniform draw into what a post is about, None for everyday life."""
        for reached, happening in self._now:
            if draw < reached:
                return happening
        return None
