"""Volume and mood as episodes move them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.events.records import Record
    from generator.platform.episodes import Episode

BUCKET = 15.0  # seconds


class Timeline:
    """Collects a scenario in buckets of fifteen seconds."""

    def __init__(self, began: float, episodes: Sequence[Episode]) -> None:
        self.began, self.episodes = began, episodes
        self.records: Counter[int] = Counter()
        self.moods: dict[str, Counter[int]] = {m: Counter() for m in ("negative", "neutral", "positive")}
        self.reasons: Counter[str] = Counter()
        self.dirt: Counter[str] = Counter()
        self._by_episode: dict[str, Counter[str]] = {}
        self._quiet: Counter[str] = Counter()

    def add(self, record: Record, at: float) -> None:
        """Take in one record."""
        bucket = int((at - self.began) // BUCKET)
        self.records[bucket] += 1
        for event in record.expected:
            if event.dirt:
                self.dirt[event.dirt] += 1
            if event.reason:
                self.reasons[event.reason] += 1
            if event.mood:
                self.moods[event.mood][bucket] += 1
                about = self._by_episode.setdefault(event.episode, Counter()) if event.episode else self._quiet
                about[event.mood] += 1

    def negative_share(self, bucket: int) -> float:
        """Share of negative posts and comments in a bucket; 0 where there are none."""
        total = sum(counts[bucket] for counts in self.moods.values())
        return self.moods["negative"][bucket] / total if total else 0.0

    def statistics(self) -> dict[str, Any]:
        """Texts and negative share by episode, and outside of them; dirt and reasons overall."""
        named = {"(none)": self._quiet, **self._by_episode}
        return {
            "by_episode": {
                name: {"texts": moods.total(), "negative": round(moods["negative"] / max(1, moods.total()), 3)}
                for name, moods in named.items()
            },
            "dirt": dict(sorted(self.dirt.items())),
            "reasons": dict(sorted(self.reasons.items())),
        }
