"""The saved questions answered in plain Python from the events themselves: no engine, no gold, no warehouse."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]
Batch = dict[str, list[Row]]
Answer = list[tuple[Any, ...]]

WRITTEN = ("silver/posts", "silver/comments")
ENTITIES = {
    "silver/posts": "post",
    "silver/comments": "comment",
    "silver/interactions": "interaction",
    "silver/user_changes": "user",
    "silver/deletions": "deletion",
    "silver/rejected": "rejected",
}
HOUR = timedelta(hours=1)


def all_rows(batches: Iterable[Batch], *names: str) -> list[Row]:
    """The rows of some tables, of all batches."""
    return [row for batch in batches for name in names for row in batch[name]]


def scored(batches: Iterable[Batch], *names: str) -> list[Row]:
    """The same, without texts in languages that the model does not serve."""
    return [row for row in all_rows(batches, *names) if row["sentiment"] is not None]


def hour(time: datetime) -> datetime:
    """The start of its hour."""
    return time.replace(minute=0, second=0, microsecond=0)


def mean(rows: list[Row], value: Callable[[Row], float]) -> float:
    """Of at least one row."""
    return sum(map(value, rows)) / len(rows)


def polarity(rows: list[Row]) -> float:
    """Mean polarity."""
    return mean(rows, lambda row: row["polarity"])


def share(rows: list[Row], label: str) -> float:
    """How many of the rows have a label, 0 to 1."""
    return mean(rows, lambda row: row["sentiment"] == label)


def clock(batches: list[Batch]) -> datetime:
    """The last minute in which anything arrived."""
    return max(row["arrival_time"] for row in all_rows(batches, *ENTITIES)).replace(second=0, microsecond=0)


def is_recent(row: Row, batches: list[Batch]) -> bool:
    """Whether it happened in the last 24 hours of the stream."""
    return bool(clock(batches) - 24 * HOUR < row["event_time"] < clock(batches) + timedelta(minutes=1))


def topics(row: Row) -> set[str]:
    """Hashtags in lower case that are no numbers."""
    return {tag for tag in re.findall(r"#(\w+)", row["text"].lower()) if not tag.isdigit()}


def terms(row: Row) -> set[str]:
    """Words of three letters and more; of the stop words only the one that tests use."""
    return {word for word in re.findall(r"\w+", row["text"].lower()) if word.isalpha() and len(word) > 2} - {"the"}


def with_cohort(batches: list[Batch]) -> Iterator[tuple[tuple[str, str], Row]]:
    """Each post and comment with place and age band of its author, as known when its batch was aggregated."""
    known: dict[str, Row] = {}
    for batch in batches:
        for change in batch["silver/user_changes"]:
            known[change["user_id"]] = max(
                known.get(change["user_id"], change),
                change,
                key=lambda row: (row["event_time"], int(row["sequence_number"]), row["record_index"]),
            )
        for row in scored([batch], *WRITTEN):
            author = known.get(row["user_id"], {})
            yield (author.get("user_location") or "unknown", band(author.get("user_age"))), row


def band(age: int | None) -> str:
    """The age band."""
    if age is None:
        return "unknown"
    spans = {17: "under 18", 24: "18-24", 34: "25-34", 44: "35-44", 54: "45-54", 64: "55-64"}
    return next((name for last, name in spans.items() if age <= last), "65+")


def over_time(batches: list[Batch]) -> Answer:
    """Question 1."""
    groups: dict[tuple[datetime, str, str], list[Row]] = defaultdict(list)
    for name in WRITTEN:
        for row in scored(batches, name):
            for topic in ("", *topics(row)):
                groups[hour(row["event_time"]), ENTITIES[name], topic].append(row)
    return [
        (*key, len(rows), polarity(rows), share(rows, "positive"), share(rows, "negative"))
        for key, rows in sorted(groups.items())
    ]


def turned(batches: list[Batch]) -> Answer:
    """Question 2."""
    this_hour = hour(clock(batches))
    totals: dict[datetime, int] = defaultdict(int)
    named: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for cohort, row in with_cohort(batches):
        totals[hour(row["event_time"])] += 1
        names = [
            ("cohort", ", ".join(cohort)),
            *(("topic", t) for t in topics(row)),
            *(("term", t) for t in terms(row)),
        ]
        for name in names:
            named[name].append(row)
    shifts: dict[str, Answer] = defaultdict(list)
    for (kind, name), rows in named.items():
        now, before = ([row for row in rows if hour(row["event_time"]) == at] for at in (this_hour, this_hour - HOUR))
        if now or before:
            gained = sum(row["polarity"] for row in now) / totals[this_hour] if now else 0.0
            lost = sum(row["polarity"] for row in before) / totals[this_hour - HOUR] if before else 0.0
            shifts[kind].append((name, len(now), len(before), gained - lost))
    return [
        (kind, place, *found)
        for kind in sorted(shifts)
        for place, found in enumerate(sorted(shifts[kind], key=lambda one: (-abs(round(one[3], 12)), one[0]))[:5], 1)
    ]


def driving(batches: list[Batch]) -> Answer:
    """Question 3."""
    authors = {row["post_id"]: row["user_id"] for row in all_rows(batches, "silver/posts")}
    felt: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in scored(batches, "silver/comments"):
        if is_recent(row, batches):
            felt[authors[row["post_id"]]][row["post_id"]].append(row["polarity"])
    counts = {author: sum(map(len, posts.values())) for author, posts in felt.items()}
    answer: Answer = []
    for author in sorted(felt, key=lambda name: (-counts[name], name))[:20]:
        total = sum(abs(sum(values)) for values in felt[author].values())
        ranked = sorted(felt[author].items(), key=lambda item: (-abs(sum(item[1])), item[0]))[:3]
        for place, (post, values) in enumerate(ranked, 1):
            answer.append((author, place, post, len(values), sum(values) / len(values), abs(sum(values)) / total))
    return answer


def by_cohort(batches: list[Batch]) -> Answer:
    """Question 4."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for cohort, row in with_cohort(batches):
        groups[cohort].append(row)
    answer: Answer = []
    for cohort, rows in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        good = share(rows, "positive")
        margin = 1.96 * (good * (1 - good) / len(rows)) ** 0.5
        answer.append((*cohort, len(rows), polarity(rows), mean(rows, lambda row: row["confidence"]), good, margin))
    return answer


def engagement(batches: list[Batch]) -> Answer:
    """Question 5."""
    written: dict[datetime, list[Row]] = defaultdict(list)
    acted: dict[datetime, list[str]] = defaultdict(list)
    for row in scored(batches, *WRITTEN):
        written[hour(row["event_time"])].append(row)
    for row in all_rows(batches, "silver/interactions"):
        acted[hour(row["event_time"])].append(row["action"])
    return [
        (
            *(at, len(rows), polarity(rows)),
            *(acted[at].count(action) for action in ("like", "comment", "share")),
            len(acted[at]) / len(rows),
        )
        for at, rows in sorted(written.items())
    ]


def loudest(batches: list[Batch]) -> Answer:
    """Question 6."""
    written: dict[str, list[Row]] = defaultdict(list)
    for row in all_rows(batches, *WRITTEN):
        if is_recent(row, batches):
            written[row["user_id"]].append(row)
    names = {row["user_id"]: row["user_name"] for row in all_rows(batches, "silver/user_changes")}
    judged = {user: [row for row in rows if row["sentiment"] is not None] for user, rows in written.items()}
    return [
        (
            *(user, names.get(user), len(rows)),
            *(share(judged[user], label) for label in ("negative", "neutral", "positive")),
        )
        for user, rows in sorted(written.items(), key=lambda item: (-len(item[1]), item[0]))[:20]
    ]


def quality(batches: list[Batch]) -> Answer:
    """Question 7."""
    groups: dict[tuple[datetime, str, str], list[Row]] = defaultdict(list)
    arrived: dict[datetime, int] = defaultdict(int)
    for name, entity in ENTITIES.items():
        for row in all_rows(batches, name):
            groups[hour(row["arrival_time"]), entity, row.get("reason", "")].append(row)
            arrived[hour(row["arrival_time"])] += 1
    answer: Answer = []
    for (at, entity, reason), rows in sorted(groups.items()):
        late = sum(
            row["event_time"] is not None and row["arrival_time"] - row["event_time"] > timedelta(minutes=10)
            for row in rows
        )
        if entity == "rejected" or late:
            answer.append((at, entity, reason, len(rows), late, len(rows) / arrived[at]))
    return answer


def versions(batches: list[Batch]) -> Answer:
    """Question 8."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in scored(batches, *WRITTEN):
        groups[row["model_version"]].append(row)
    answer: Answer = []
    for version, rows in groups.items():
        hours = [hour(row["event_time"]) for row in rows]
        means = polarity(rows), mean(rows, lambda row: row["confidence"])
        shares = (share(rows, label) for label in ("negative", "neutral", "positive"))
        answer.append((version, min(hours), max(hours), len(rows), *means, *shares))
    return sorted(answer, key=lambda row: (row[1], row[0]))


def freshness(batches: list[Batch], gold: Mapping[str, Any]) -> Answer:
    """Question 9 in Athena, given gold's one commit: silver by what happened on the last two days."""
    day = gold["last_arrival"].date()
    accepted = all_rows(batches, *(name for name in ENTITIES if name != "silver/rejected"))
    recent = [row for row in accepted if day - row["event_time"].date() in (timedelta(0), timedelta(days=1))]
    lag = (gold["committed_at"] - gold["last_arrival"]).total_seconds()
    return [
        ("gold", gold["last_arrival"], gold["committed_at"], lag),
        ("silver", max(row["arrival_time"] for row in recent), None, None),
    ]


RECOMPUTED: Mapping[str, Callable[[list[Batch]], Answer]] = {
    "01_sentiment_over_time": over_time,
    "02_what_turned_sentiment": turned,
    "03_posts_that_drive_reaction": driving,
    "04_sentiment_by_cohort": by_cohort,
    "05_engagement_and_sentiment": engagement,
    "06_loudest_users": loudest,
    "07_rejected_and_late": quality,
    "08_model_versions": versions,
}
