"""Episodes: simulated happenings that move volume, topics, mood and cohorts for a while."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

RISE = 0.1  # of an episode's length until its full effect
FALL = 0.4  # of its length to fade out


@dataclass(frozen=True)
class Episode:
    """One episode. `start` and `length` in seconds, `start` from the beginning of the run.

    At its height the platform's volume is multiplied by `volume`, `share` of all new posts are about
    it, with the `mood` (negative, neutral, positive) and, where given, the tags, things, praise and
    gripes of its own. `place` and `ages` limit who posts about it. `bots` accounts, which otherwise
    do nothing, post in its name instead of people.
    """

    kind: str
    topic: str
    start: float
    length: float
    volume: float
    share: float
    mood: tuple[float, float, float]
    tags: tuple[str, ...]
    things: tuple[str, ...] = ()
    fans: tuple[str, ...] = ()
    gripes: tuple[str, ...] = ()
    place: str | None = None
    ages: tuple[int, int] | None = None
    bots: int = 0
    name: str = ""

    def intensity(self, seconds: float) -> float:
        """Return the strength of the effect, 0 to 1, at a number of seconds into the run."""
        into = (seconds - self.start) / self.length
        if not 0 <= into < 1:
            return 0.0
        return min(1.0, into / RISE, (1 - into) / FALL)

    def factor(self, seconds: float) -> float:
        """Return the factor on the volume at a number of seconds into the run."""
        return 1 + (self.volume - 1) * self.intensity(seconds)

    def note(self, began: float) -> dict[str, Any]:
        """The ledger's line about it; `began` is the run's beginning in epoch seconds."""
        effect = {k: v for k, v in asdict(self).items() if k not in ("name", "kind", "topic", "start", "length")}
        return {
            "name": self.name,
            "kind": self.kind,
            "topic": self.topic,
            "start": began + self.start,
            "end": began + self.start + self.length,
            "effect": effect,
        }


# What each kind does unless a scenario says otherwise. A run usually sets start and length itself.
KINDS: dict[str, Episode] = {
    kind.kind: kind
    for kind in (
        Episode(
            "launch", "tech", 60, 300, volume=2.5, share=0.5, mood=(0.12, 0.23, 0.65),
            tags=("launchday", "firstlook"), things=("the new headset", "the launch event", "the keynote"),
            fans=("pre-ordered already", "this changes everything", "take my money"),
            gripes=("it is sold out", "the price is a joke"),
        ),
        Episode(
            "outage", "tech", 60, 240, volume=3.0, share=0.6, mood=(0.85, 0.12, 0.03),
            tags=("outage", "down"), things=("the app", "login", "the whole site", "messaging"),
            fans=("it is back", "good job fixing it"),
            gripes=("I can't log in", "nothing loads", "it has been down for an hour", "no word from support"),
        ),
        Episode(
            "scandal", "news", 60, 600, volume=2.0, share=0.5, mood=(0.78, 0.17, 0.05),
            tags=("scandal", "resign"), things=("the minister", "the leaked emails", "the cover-up"),
            fans=("at last someone speaks up",),
            gripes=("they knew it all along", "they lied to us", "our money is gone"),
        ),
        Episode(
            "raid", "gaming", 60, 180, volume=1.6, share=0.45, mood=(0.95, 0.05, 0.0),
            tags=("boycott",), things=("the studio", "this garbage game"),
            fans=("finally",), gripes=("uninstall now", "do not buy it", "refund everyone"), bots=25,
        ),
        Episode(
            "holiday", "food", 60, 900, volume=1.5, share=0.6, mood=(0.05, 0.20, 0.75),
            tags=("holidays", "family"), things=("the family dinner", "the cookies", "grandma's roast"),
            fans=("so grateful", "best day of the year", "everyone came home"), gripes=("missing you all",),
        ),
    )
}  # fmt: skip


def of_kind(kind: str, **overrides: Any) -> Episode:
    """Return the kind's episode with some fields replaced; it is named after the kind and its start."""
    episode = replace(KINDS[kind], **overrides)
    return episode if episode.name else replace(episode, name=f"{kind}@{episode.start:g}")


def volume(episodes: Sequence[Episode], seconds: float) -> float:
    """What all episodes together multiply the volume by."""
    factor = 1.0
    for episode in episodes:
        factor *= episode.factor(seconds)
    return factor
