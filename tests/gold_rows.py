"""Silver rows as literals, and what gold must be of them, computed anew in plain Python."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.builders import NOON

Row = dict[str, Any]
Batch = dict[str, list[Row]]

PAYLOADS: dict[str, Row] = {
    "post": {"post_id": "p1", "user_id": "u1", "text": "sunny day"},
    "comment": {"comment_id": "c1", "post_id": "p1", "user_id": "u2", "text": "sunny day"},
    "interaction": {"interaction_id": "i1", "user1_id": "u2", "user2_id": "u1", "action": "like", "post_id": None},
    "user": {"user_id": "u1", "user_name": "Ada", "user_age": 36, "user_location": "London"},
    "deletion": {"target_type": "post", "target_id": "p1"},
    "rejected": {"reason": "not_json", "detail": "", "data": b"{", "stream": "events", "partition_key": "u1"},
}
SCORES: Row = {
    "sentiment": "positive",
    "polarity": 0.5,
    "confidence": 0.75,
    "model_version": "1",
    "lang": None,
    "language": "en",
    "unscored_reason": None,
}
UNSCORED: Row = {
    "sentiment": None,
    "polarity": None,
    "confidence": None,
    "language": "de",
    "unscored_reason": "unsupported_language",
}
TABLES = {
    "post": "silver/posts",
    "comment": "silver/comments",
    "interaction": "silver/interactions",
    "user": "silver/user_changes",
    "deletion": "silver/deletions",
    "rejected": "silver/rejected",
}


def a_silver_row(entity: str, number: int = 0, **overrides: Any) -> Row:
    """A row of the entity's silver table; it arrives two seconds after its event unless `overrides` say otherwise."""
    time = overrides.get("event_time", NOON)
    row = {
        **PAYLOADS[entity],
        **(SCORES if entity in ("post", "comment") else {}),
        "event_id": f"e{number}",
        "event_time": time,
        "schema_version": 1,
        "raw": "{}",
        "arrival_time": (time or NOON) + timedelta(seconds=2),
        "sequence_number": str(number),
        "record_index": 0,
        "source": None,
        **overrides,
    }
    day = row["arrival_time"] if entity == "rejected" else time
    return {**row, "year": day.year, "month": day.month, "day": day.day}


def a_batch(*rows: tuple[str, Row]) -> Batch:
    """Rows by silver table from (entity, row) pairs."""
    batch: Batch = {name: [] for name in TABLES.values()}
    for entity, row in rows:
        batch[TABLES[entity]].append(row)
    return batch


def random_batches(count: int, size: int, seed: int = 1) -> list[Batch]:
    """Batches as a bad day brings them: late by hours, users out of order, rows of all kinds."""
    rng = random.Random(seed)
    numbers = iter(range(10**6))
    return [a_batch(*(_random_row(rng, next(numbers)) for _ in range(size))) for _ in range(count)]


def _random_row(rng: random.Random, number: int) -> tuple[str, Row]:
    entity = rng.choice(tuple(TABLES))
    delay = rng.choice((0, 1, 30, 599, 601, 7200, 30 * 86_400))
    arrival = NOON + timedelta(seconds=number)
    label = rng.choice(("negative", "neutral", "positive"))
    own: Row = {"event_time": arrival - timedelta(seconds=delay), "arrival_time": arrival}
    if entity in ("post", "comment"):
        words = rng.sample(("Sunny", "rain", "the", "ok", "Über", "storm", "#Tea", "#tea", "#day_1", "#2026"), 5)
        own |= {"user_id": f"u{rng.randrange(8)}", "text": " ".join(words), "sentiment": label}
        own |= {"polarity": rng.uniform(-1, 1), "confidence": rng.random(), "model_version": rng.choice("12")}
        own |= rng.choice((UNSCORED, {}, {}, {"language": "und"}))
    elif entity == "user":
        place, age = rng.choice(("London", "Rome", None)), rng.choice((None, 17, 18, 64, 65))
        own |= {"user_id": f"u{rng.randrange(6)}", "user_location": place, "user_age": age}
    elif entity == "interaction":
        own["action"] = rng.choice(("like", "comment", "share"))
    elif entity == "rejected":
        own["reason"] = rng.choice(("not_json", "empty_text"))
        own["event_time"] = rng.choice((None, own["event_time"]))
    return entity, a_silver_row(entity, number, **own)


def expected(batches: Iterable[Batch]) -> dict[str, dict[tuple[Any, ...], Row]]:
    """Each table of the aggregate hop as rows by key; freshness is left out, it depends on the clock."""
    gold: dict[str, dict[tuple[Any, ...], Row]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    users: dict[str, Row] = {}
    for batch in batches:
        for change in batch["silver/user_changes"]:
            known = users.get(change["user_id"])
            if known is None or _recency(change) > _recency(known):
                users[change["user_id"]] = change
        for entity, name in TABLES.items():
            for row in batch[name]:
                for table, key in _keys(entity, row, users):
                    _count(gold[table][key], row)
    return {**gold, "silver/users": {(user,): row for user, row in users.items()}}


def _recency(change: Row) -> tuple[Any, ...]:
    return change["event_time"], int(change["sequence_number"]), change["record_index"]


def _keys(entity: str, row: Row, users: dict[str, Row]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    yield "gold/quality_by_minute", (_minute(row["arrival_time"]), entity, row.get("reason", ""))
    if entity == "interaction":
        yield "gold/engagement_by_minute", (_minute(row["event_time"]), row["action"])
    if entity not in ("post", "comment"):
        return
    minute, hour = _minute(row["event_time"]), row["event_time"].replace(minute=0, second=0, microsecond=0)
    author = users.get(row["user_id"], {})
    yield "gold/language_by_hour", (hour, row["language"], entity)
    if row["sentiment"] is None:
        return
    yield "gold/sentiment_by_minute", (minute, entity)
    yield "gold/sentiment_by_model", (hour, row["model_version"], entity)
    yield "gold/sentiment_by_cohort", (hour, author.get("user_location") or "unknown", _band(author.get("user_age")))
    text = row["text"].lower()
    for topic in {tag for tag in re.findall(r"#(\w+)", text) if not tag.isdigit()}:
        yield "gold/sentiment_by_topic", (minute, topic, entity)
    for term in {word for word in re.findall(r"\w+", text) if word.isalpha() and len(word) > 2} - {"the"}:
        yield "gold/terms_by_hour", (hour, term)


def _count(sums: Row, row: Row) -> None:
    late = row["event_time"] is not None and row["arrival_time"] - row["event_time"] > timedelta(minutes=10)
    for name in ("negative", "neutral", "positive"):
        sums[name] += row.get("sentiment") == name
    sums["events"] += 1
    sums["texts"] += 1
    sums["unscored"] += row.get("sentiment") is None
    sums["interactions"] += 1
    sums["late"] += late
    sums["polarity_sum"] += row.get("polarity") or 0.0
    sums["confidence_sum"] += row.get("confidence") or 0.0
    sums["polarity_mean"] = sums["polarity_sum"] / sums["events"]


def _minute(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(second=0, microsecond=0)


def _band(age: int | None) -> str:
    bands = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")
    return "unknown" if age is None else bands[sum(age >= start for start in (18, 25, 35, 45, 55, 65))]
