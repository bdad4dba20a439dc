"""The platform's users: who they are, whom they follow, and when they are awake.

Activity is Zipf-distributed, the follower graph grows by preferential attachment inside
communities, and users sleep by the local time of their place.
"""

from __future__ import annotations

import math
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from generator.events.encoder import quote
from generator.platform.text import vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

ZIPF_EXPONENT = 1.4
ZIPF_OFFSET = 8  # Mandelbrot's: keeps one user from writing a tenth of everything
MEAN_FOLLOWED = 10
MAX_FOLLOWED = 200
NAMES = (
    "ada",
    "ben",
    "chloe",
    "dev",
    "emi",
    "farid",
    "grace",
    "hugo",
    "ines",
    "jonas",
    "kofi",
    "lena",
    "mei",
    "noor",
    "omar",
    "priya",
    "quinn",
    "rosa",
    "sami",
    "tariq",
    "uma",
    "vera",
    "wim",
    "xiu",
    "yara",
    "zoe",
    "aiko",
    "bruno",
    "carla",
    "dmitri",
    "elif",
)


class Place(NamedTuple):
    """Where users live: `share` of the users, hours east of UTC, the languages spoken."""

    name: str
    share: float
    offset: float
    languages: tuple[str, ...] = ("en",)


PLACES = (
    Place("New York, USA", 12, -5),
    Place("Austin, USA", 6, -6),
    Place("San Francisco, USA", 8, -8),
    Place("Toronto, Canada", 5, -5, ("en", "en", "fr")),
    Place("London, UK", 12, 0),
    Place("Dublin, Ireland", 3, 0),
    Place("Paris, France", 5, 1, ("fr", "en")),
    Place("Berlin, Germany", 6, 1, ("de", "en")),
    Place("Madrid, Spain", 4, 1, ("es", "en")),
    Place("São Paulo, Brazil", 6, -3, ("pt", "en")),
    Place("Mexico City, Mexico", 4, -6, ("es", "en")),
    Place("Lagos, Nigeria", 6, 1),
    Place("Cairo, Egypt", 3, 2, ("ar", "en")),
    Place("Mumbai, India", 9, 5.5),
    Place("Singapore", 3, 8),
    Place("Tokyo, Japan", 5, 9, ("ja", "en")),
    Place("Sydney, Australia", 5, 10),
)

# Share of the day's activity by local hour: a trough at four, a plateau, an evening peak.
HOURS = (2.6, 1.7, 1.1, 0.8, 0.7, 0.9, 1.6, 2.8, 3.8, 4.3, 4.6, 4.8,
         5.1, 5.0, 4.9, 4.9, 5.0, 5.2, 5.6, 6.1, 6.5, 6.4, 5.5, 4.1)  # fmt: skip
WEEKDAYS = (1.0, 1.0, 1.02, 1.03, 1.05, 0.95, 0.93)  # Monday first


class Person(NamedTuple):
    """One user, as fixed by the seed."""

    user_id: str
    handle: str
    age: int
    place: int
    community: int
    language: str
    following: frozenset[int]


def wakefulness(offset: float, at: float) -> float:
    """Relative activity of a place `offset` hours east of UTC at an epoch second; mean 1."""
    local = at / 3600 + offset
    hour = local % 24
    low = int(hour)
    mixed = HOURS[low] + (HOURS[(low + 1) % 24] - HOURS[low]) * (hour - low)
    weekday = (int(local // 24) + 3) % 7  # 1970-01-01 was a Thursday
    return mixed / (sum(HOURS) / 24) * WEEKDAYS[weekday]


class Population:
    """All users of a seed. Memory: about 1 KB a user; building 20,000 takes a third of a second."""

    def __init__(self, rng: Random, size: int) -> None:
        self._random = rng.random
        self.topics = vocabulary().topics
        self.people: list[Person] = []
        self._at_place: list[list[int]] = [[] for _ in PLACES]
        self._members: list[list[int]] = [[] for _ in self.topics]
        self._settle(rng, size)
        self._activity = [
            [(rank + ZIPF_OFFSET) ** -ZIPF_EXPONENT for rank, _ in enumerate(place)] for place in self._at_place
        ]
        self._cumulated = [list(accumulate(a)) for a in self._activity]
        self._awake: list[float] = []
        self.handles = [p.handle for p in self.people]

    def _settle(self, rng: Random, size: int) -> None:
        places = rng.choices(range(len(PLACES)), [p.share for p in PLACES], k=size)
        communities = rng.choices(range(len(self.topics)), [t.share for t in self.topics], k=size)
        for number, (place, community) in enumerate(zip(places, communities, strict=True)):
            spoken = PLACES[place].languages
            self.people.append(
                Person(
                    user_id=f"u{number:06d}",
                    handle=f"{NAMES[int(rng.random() * len(NAMES))]}_{number:x}",
                    age=min(90, 13 + int(rng.gammavariate(2.2, 8.5))),
                    place=place,
                    community=community,
                    language=spoken[int(rng.random() * len(spoken))],
                    following=self._follow(rng, number, community),
                )
            )
            self._at_place[place].append(number)
            self._members[community].append(number)

    def _follow(self, rng: Random, number: int, community: int) -> frozenset[int]:
        """Follow mostly early members of one's own community: the rich get richer."""
        wanted = min(MAX_FOLLOWED, int(rng.lognormvariate(math.log(MEAN_FOLLOWED), 1.0)))
        own = self._members[community]
        followed = set()
        for _ in range(min(wanted, number)):
            if own and rng.random() < 0.8:
                followed.add(own[int(len(own) ** rng.random()) - 1])
            else:
                followed.add(int(number ** rng.random()) - 1 if number > 1 else 0)
        return frozenset(followed)

    def recruit(self, count: int) -> range:
        """Add bots: accounts that act only in episodes. Returns their user numbers."""
        first = len(self.people)
        for number in range(first, first + count):
            place = number % len(PLACES)
            self.people.append(
                Person(f"u{number:06d}", f"truth_{number:x}", 18 + number % 12, place, 0, "en", frozenset())
            )
        return range(first, first + count)

    def turn_to(self, at: float) -> None:
        """Compute the activity of every place at an epoch second."""
        weights = (p.share * wakefulness(p.offset, at) for p in PLACES)
        inhabited = zip(weights, self._at_place, strict=True)
        self._awake = list(accumulate(w if people else 0.0 for w, people in inhabited))

    def someone(self) -> int:
        """Draw an active user: a place that is awake, then its people by Zipf."""
        random = self._random
        place = bisect(self._awake, random() * self._awake[-1], 0, len(PLACES) - 1)
        cumulated = self._cumulated[place]
        return self._at_place[place][bisect(cumulated, random() * cumulated[-1], 0, len(cumulated) - 1)]

    def someone_like(self, place: str | None, ages: tuple[int, int] | None) -> int:
        """Draw an active user of a place and an age range; after 200 failed draws, any active user."""
        number = self.someone()
        for _ in range(200):
            person = self.people[number]
            here = place is None or PLACES[person.place].name == place
            if here and (ages is None or ages[0] <= person.age <= ages[1]):
                break
            number = self.someone()
        return number

    def user_payload(self, number: int, place: int | None = None) -> str:
        """Return the payload of a user's profile event."""
        person = self.people[number]
        lives = PLACES[person.place if place is None else place].name
        return (
            f'{{"user_id":"{person.user_id}","user_name":{quote(person.handle)},'
            f'"user_age":{person.age},"user_location":{quote(lives)}}}'
        )


def total_activity(at: float, places: Sequence[Place] = PLACES) -> float:
    """Relative activity of the whole platform at an epoch second; mean about 1 over a week."""
    share = sum(p.share for p in places)
    return sum(p.share * wakefulness(p.offset, at) for p in places) / share
