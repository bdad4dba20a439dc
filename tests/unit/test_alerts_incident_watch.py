"""From silver to gold/incidents to an alert, over real Delta tables and without Spark."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from streaming.alerts.detection.text import Text
from streaming.alerts.incident_watch import IncidentWatch, Steps, alerts
from streaming.alerts.listening import Listening
from streaming.alerts.silver_texts import SilverTexts
from tests.builders import NOON
from tests.lake_rows import append, rows_of, settings_of

HOUR = timedelta(hours=1)
GOLD = "gold/incidents"


def a_text(at: float, number: int = 0, sentiment: int = 1, text: str = "tea is here") -> Text:
    return Text(f"{at}-{number}", at, "post", f"u{number}", text, sentiment, "1")


def texts_of(since: float, seconds: int, rng: Random, negative: float, text: str = "tea is here") -> list[Text]:
    """Two texts a second, of which the share `negative` is negative."""
    times = [since + step / 2 for step in range(2 * seconds)]
    return [a_text(at, n, 0 if rng.random() < negative else 2, text) for n, at in enumerate(times)]


class Silver:
    """What silver takes in, as a list that is read once."""

    def __init__(self) -> None:
        self.waiting: list[Text] = []

    def __call__(self) -> Sequence[Text]:
        found, self.waiting = self.waiting, []
        return found


class Kept:
    """What the detection remembers, in memory."""

    def __init__(self) -> None:
        self.value: Mapping[str, Any] = {}

    def read(self) -> Mapping[str, Any]:
        return self.value

    def write(self, value: Mapping[str, Any]) -> None:
        self.value = value


def a_watch(lake: Path, silver: Silver, kept: Kept | None = None) -> IncidentWatch:
    """A watch whose job began long ago."""
    long_ago = (NOON - 2 * HOUR).timestamp()
    return IncidentWatch(settings_of(lake), silver, kept or Kept(), Listening(Kept(), long_ago))


def an_incident(lake: Path, minutes: int = 5) -> tuple[Silver, IncidentWatch, datetime]:
    """A calm hour, then bad news for some minutes; the watch has seen all of it."""
    silver, rng, noon = Silver(), Random(3), NOON.timestamp()
    silver.waiting = texts_of(noon - 3600, 3600, rng, 0.3)
    silver.waiting += texts_of(noon, 60 * minutes, rng, 0.9, "login is broken #outage")
    watch = a_watch(lake, silver)
    now = NOON + timedelta(minutes=minutes)
    watch(now)
    return silver, watch, now


def test_an_incident_is_in_gold_while_it_lasts_and_when_it_ended(empty_lake: Path) -> None:
    silver, watch, now = an_incident(empty_lake)
    (row,) = rows_of(empty_lake, GOLD)
    assert (row["state"], row["topics"], row["ended_at"]) == ("open", ["outage"], None)
    assert abs(row["since"] - NOON) <= timedelta(seconds=30)
    silver.waiting = texts_of(now.timestamp(), 1800, Random(4), 0.3)
    watch(now + HOUR / 2)
    (later,) = rows_of(empty_lake, GOLD)
    assert (later["incident_id"], later["since"], later["state"]) == (row["incident_id"], row["since"], "closed")


def test_alerts_are_made_of_what_gold_says_so_that_a_restart_loses_none(empty_lake: Path) -> None:
    _, _, now = an_incident(empty_lake)
    (alert,) = alerts(settings_of(empty_lake), now, HOUR)
    assert alert.rule == "incident"
    assert "#outage" in alert.text
    assert alerts(settings_of(empty_lake), now + 2 * HOUR, HOUR) == []


def test_after_a_restart_an_open_incident_keeps_its_id(empty_lake: Path) -> None:
    an_incident(empty_lake)
    an_incident(empty_lake, minutes=8)
    assert len(rows_of(empty_lake, GOLD)) == 1


def test_an_incident_that_ended_while_nobody_watched_is_closed_at_the_next_start(empty_lake: Path) -> None:
    an_incident(empty_lake)
    silver, later = Silver(), NOON + HOUR
    silver.waiting = texts_of(later.timestamp() - 1200, 1200, Random(5), 0.3)
    a_watch(empty_lake, silver)(later)
    (row,) = rows_of(empty_lake, GOLD)
    assert (row["state"], row["ended_at"]) == ("closed", row["last_seen"])


def test_late_texts_of_the_hour_before_are_no_past_of_a_stream_that_has_just_begun(empty_lake: Path) -> None:
    silver, rng, noon = Silver(), Random(3), NOON.timestamp()
    watch = a_watch(empty_lake, silver)
    for minute in range(8):
        late = [a_text(noon - rng.random() * 3600, number) for number in range(3)]
        live = texts_of(noon + 60 * minute, 60, rng, 0.3)
        silver.waiting = sorted(late + live, key=lambda text: text.at)
        watch(NOON + timedelta(minutes=minute + 1))
    assert not (empty_lake / GOLD).exists() or rows_of(empty_lake, GOLD) == []


def test_a_step_waits_for_its_texts_and_a_wrong_clock_ends_none() -> None:
    steps, now = Steps(), 1000.0
    assert list(steps.add([a_text(at) for at in (880.0, 901.0, 910.0, 925.0)], now)) == []
    assert list(steps.add([a_text(at) for at in (926.0, 928.0, 929.0, 5_000.0)], now)) == []
    ((end, texts),) = steps.add([a_text(at) for at in (941.0, 942.0)], now)
    assert (end, [text.at for text in texts]) == (930.0, [901.0, 910.0, 925.0, 926.0, 928.0, 929.0])


def test_a_step_waits_for_the_comments_that_are_committed_after_the_posts() -> None:
    steps = Steps()
    comments = [a_text(at)._replace(entity="comment") for at in (890.0, 915.0, 944.0, 945.0)]
    list(steps.add([a_text(880.0), comments[0]], 1000.0))
    assert list(steps.add([a_text(at) for at in (910.0, 944.0, 945.0)], 1000.0)) == []
    ((end, texts),) = steps.add(comments[1:], 1000.0)
    assert (end, [text.at for text in texts]) == (930.0, [910.0, 915.0])
    assert [end for end, _ in steps.add([a_text(1030.0)], 1040.0)] == [960.0, 990.0, 1020.0], "no comment for a minute"


def test_without_texts_the_steps_go_on_because_silence_is_news() -> None:
    steps = Steps()
    list(steps.add([a_text(at) for at in (880.0, 925.0, 939.0)], 940.0))
    ends = [end for end, _ in steps.add([], 1010.0)]
    assert ends == [930.0]
    assert [end for end, _ in steps.add([], 1060.0)] == [960.0, 990.0]


def test_hours_between_two_texts_begin_the_detection_anew(empty_lake: Path) -> None:
    silver = Silver()
    watch = a_watch(empty_lake, silver)
    for at in (NOON, NOON + 100 * HOUR):
        silver.waiting = texts_of(at.timestamp(), 120, Random(1), 0.3)
        watch(at + timedelta(minutes=2))
    assert rows_of(empty_lake, GOLD) == []


def test_scored_texts_come_once_with_the_cohorts_of_their_authors(empty_lake: Path) -> None:
    now = datetime.now(UTC)
    scored = {"sentiment": "negative", "polarity": -0.5, "confidence": 0.9, "model_version": "1", "user_id": "u1"}

    def arrive(*names: str, at: datetime = now, **overrides: object) -> None:
        rows = [{"event_id": name, "event_time": at, "text": "so bad", **scored, **overrides} for name in names]
        append(empty_lake, "silver/posts", rows)

    arrive("long ago", at=now - HOUR)
    arrive("before the start")
    texts = SilverTexts(settings_of(empty_lake))
    assert [text.event_id for text in texts.new()] == ["before the start"]
    arrive("first", "second")
    arrive("not scored", sentiment=None)
    assert sorted(text.event_id for text in texts.new()) == ["first", "second"]
    assert texts.new() == []


def test_what_took_days_to_learn_is_written_down_and_taken_over(empty_lake: Path) -> None:
    silver, kept = Silver(), Kept()
    watch = a_watch(empty_lake, silver, kept)
    for minutes in (2, 8, 13):
        silver.waiting = texts_of((NOON + timedelta(minutes=minutes - 2)).timestamp(), 120, Random(1), 0.3)
        watch(NOON + timedelta(minutes=minutes))
    assert ["all", ""] in kept.value["names"]
    later = Kept()
    later.value = json.loads(json.dumps(kept.value))
    again = a_watch(empty_lake, silver, later)
    for minutes in (14, 25):
        again(NOON + timedelta(minutes=minutes))
    assert later.value["names"] == kept.value["names"]
