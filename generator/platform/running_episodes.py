"""Which episodes of a run have an effect at a given time, and who takes part in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from generator.platform.text import Topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.platform.episodes import Episode
    from generator.platform.people import Population
    from generator.platform.text import Writer


class RunningEpisode(NamedTuple):
    """One episode with its topic's number, the name of its word lists, and its bots' user numbers."""

    episode: Episode
    topic: int
    words: str
    bots: range


class RunningEpisodes:
    """All episodes of a run that began at an epoch second; `on` is true while any of them has an effect."""

    def __init__(self, episodes: Sequence[Episode], began: float) -> None:
        self._episodes, self._began = episodes, began
        self._all: list[RunningEpisode] = []
        self._now: list[tuple[float, RunningEpisode]] = []
        self.on = False

    def prepare(self, population: Population, writer: Writer) -> None:
        """Add the episodes' bots to the population and their words to the writer."""
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
            self._all.append(RunningEpisode(episode, number, words, population.recruit(episode.bots)))

    def turn_to(self, at: float) -> None:
        """Compute which episodes have an effect at an epoch second."""
        self._now = []
        reached = 0.0
        for episode_now in self._all:
            episode = episode_now.episode
            share = episode.share * episode.intensity(at - self._began)
            if share > 0:
                reached += share
                self._now.append((reached, episode_now))
        self.on = bool(self._now)

    def draw(self, draw: float) -> RunningEpisode | None:
        """Return the episode that a uniform draw (0 to 1) selects for a post, or None for an ordinary post."""
        for reached, episode_now in self._now:
            if draw < reached:
                return episode_now
        return None
