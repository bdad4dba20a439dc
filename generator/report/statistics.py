"""What a week on the platform looks like in numbers."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from generator.platform.people import PLACES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from generator.events.records import Record

WORD = re.compile(r"[\w#@']+")
OFFSETS = {place.name: place.offset for place in PLACES}


class Week:
    """Collects a simulated week, event by event."""

    def __init__(self, began: float, followers: list[int]) -> None:
        self.began = began
        self.followers = followers
        self.kinds: Counter[str] = Counter()
        self.activity: Counter[str] = Counter()  # by user, profile events left out
        self.reactions: Counter[str] = Counter()  # by post
        self.delays: list[float] = []  # seconds from a post to a reaction
        self.local_hours: Counter[int] = Counter()
        self.hours: Counter[int] = Counter()  # since the beginning
        self.moods: Counter[str] = Counter()
        self.replies: Counter[tuple[str, str]] = Counter()  # (mood of the post, mood of the comment)
        self.vocabulary: list[tuple[int, int]] = []  # (words, distinct words) as they grow
        self._words = 0
        self._distinct: set[str] = set()
        self._homes: dict[str, float] = {}
        self._posts: dict[str, tuple[float, str | None]] = {}

    def add(self, record: Record, at: float) -> None:
        """Take in one clean record."""
        event = json.loads(record.data)
        kind, payload = event["event_type"], event["payload"]
        self.kinds[kind] += 1
        self.hours[int((at - self.began) // 3600)] += 1
        if kind == "user":
            self._homes.setdefault(payload["user_id"], OFFSETS[payload["user_location"]])
            return
        self.activity[record.key] += 1
        self.local_hours[int((at / 3600 + self._homes[record.key]) % 24)] += 1
        if kind == "post":
            self._posts[payload["post_id"]] = (at, record.expected[0].mood)
            self.reactions[payload["post_id"]] += 0
        elif (post := self._posts.get(payload.get("post_id"))) and payload.get("action") != "comment":
            self.reactions[payload["post_id"]] += 1
            self.delays.append(at - post[0])
        if kind in ("post", "comment"):
            self._read(payload["text"], record.expected[0].mood or "", payload["post_id"], kind)

    def _read(self, text: str, mood: str, post_id: str, kind: str) -> None:
        self.moods[mood] += 1
        if kind == "comment":
            self.replies[(self._posts[post_id][1] or "", mood)] += 1
        words = WORD.findall(text.lower())
        self._words += len(words)
        self._distinct.update(words)
        if self._words > 1.05 * (self.vocabulary[-1][0] if self.vocabulary else 100):
            self.vocabulary.append((self._words, len(self._distinct)))


def power_law_exponent(values: Sequence[int], least: int) -> float:
    """Exponent of the density's tail from `least` on, by maximum likelihood (Clauset et al. 2009)."""
    tail = [v for v in values if v >= least]
    return 1 + len(tail) / sum(math.log(v / (least - 0.5)) for v in tail) if tail else math.nan


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares slope of log y over log x."""
    logs = [(math.log(x), math.log(y)) for x, y in points if x > 0 and y > 0]
    mean_x = sum(x for x, _ in logs) / len(logs)
    mean_y = sum(y for _, y in logs) / len(logs)
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the ordered values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan


def week_statistics(week: Week) -> dict[str, Any]:
    """Turn a week into the numbers of the report."""
    active = sorted(week.activity.values(), reverse=True)
    sizes = list(week.reactions.values())
    delays = sorted(week.delays)
    hours = [week.local_hours[h] for h in range(24)]
    tenth, hundredth = max(1, len(active) // 10), max(1, len(active) // 100)
    return {
        "events": dict(week.kinds),
        "activity": {
            "active_users": len(active),
            "share_of_top_1_percent": round(sum(active[:hundredth]) / sum(active), 3),
            "share_of_top_10_percent": round(sum(active[:tenth]) / sum(active), 3),
        },
        "followers": {
            "mean": round(sum(week.followers) / len(week.followers), 2),
            "most": max(week.followers),
            "tail_exponent": round(power_law_exponent(week.followers, 30), 2),
        },
        "cascades": {
            "posts": len(sizes),
            "mean": round(sum(sizes) / len(sizes), 2),
            "without_reaction": round(sizes.count(0) / len(sizes), 3),
            "largest": max(sizes),
            "tail_exponent": round(power_law_exponent(sizes, 10), 2),
        },
        "delays": {
            "median_s": round(quantile(delays, 0.5), 1),
            "p90_s": round(quantile(delays, 0.9), 1),
            "p99_s": round(quantile(delays, 0.99), 1),
        },
        "cycle": {
            "quietest_local_hour": hours.index(min(hours)),
            "busiest_local_hour": hours.index(max(hours)),
            "busiest_over_quietest": round(max(hours) / max(1, min(hours)), 1),
        },
        "moods": {mood: round(count / week.moods.total(), 3) for mood, count in sorted(week.moods.items())},
        "replies_in_the_posts_mood": _agreement(week.replies),
        "vocabulary": {
            "words": week.vocabulary[-1][0],
            "distinct": week.vocabulary[-1][1],
            "growth_exponent": round(slope(week.vocabulary[len(week.vocabulary) // 3 :]), 2),
        },
    }


def _agreement(replies: Counter[tuple[str, str]]) -> dict[str, float]:
    by_mood: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (post, comment), count in replies.items():
        by_mood[post][0] += count * (post == comment)
        by_mood[post][1] += count
    return {mood: round(same / total, 3) for mood, (same, total) in sorted(by_mood.items())}
