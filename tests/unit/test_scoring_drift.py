"""Drift in the running job: silver on real Delta tables, a real scorer and its reference, no Spark, no MLflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from model.runtime import drift as distances
from streaming.alerts.sns import Message
from streaming.alerts.watcher import Watcher
from streaming.scoring import drift as drift_module
from streaming.scoring import observer
from streaming.scoring.challenger import Challenger
from streaming.scoring.drift import (
    ASK_EVERY,
    REQUEST,
    Drift,
    Profilers,
    Retraining,
)
from streaming.scoring.observer import Batch, Observer
from streaming.tables import gold_drift_by_hour
from streaming.tables.gold_drift_by_hour import HISTOGRAMS
from tests.builders import NOON
from tests.lake_rows import append, rows_of, settings_of
from tests.model_rows import a_scorer, plain_rows

POSTS, GOLD = "silver/posts", gold_drift_by_hour.NAME
LIKE_THE_REFERENCE = [row.text for row in plain_rows()]
OTHER_WORDS = [f"zog blim {number} frutz garn wibble snork" for number in range(240)]
GLOOMY = [row.text for row in plain_rows() if row.label == "negative"] * 3


class Version:
    """What a registered version offers, without MLflow: the real runtime over a small bundle."""

    def __init__(self, folder: Path) -> None:
        self._scorer = a_scorer(folder)
        self._reference = self._scorer.profile(LIKE_THE_REFERENCE)

    def profile(self, texts: Sequence[str]) -> Mapping[str, Sequence[int]]:
        return self._scorer.profile(texts)

    def drift(
        self, profile: Mapping[str, Sequence[int]], reference: Mapping[str, Sequence[int]] | None = None
    ) -> Mapping[str, float]:
        return distances.compare(reference or self._reference, profile)

    def diagnose(self, drift: Mapping[str, float], texts: int, *, model_changed: bool) -> tuple[str, str] | None:
        return distances.diagnose(drift, texts, model_changed=model_changed)


class CallsAllNegative(Version):
    """Another version, which finds everything negative."""

    def profile(self, texts: Sequence[str]) -> Mapping[str, Sequence[int]]:
        polarity = [len(texts)] + [0] * 9
        return {**super().profile(texts), "label": [len(texts), 0, 0], "polarity": polarity}


class FakeRegistry:
    """No challenger; the model's tags in a dict."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.down = False

    def challenger(self) -> str | None:
        return None

    def download(self, version: str) -> bytes:
        raise AssertionError("what was served is kept beside the checkpoint")

    def tag(self, version: str, tags: Mapping[str, str]) -> None: ...

    def model_tags(self) -> dict[str, str]:
        if self.down:
            raise ConnectionError("registry is down")
        return self.tags

    def tag_model(self, name: str, value: str) -> None:
        self.tags[name] = value


class Kept:
    """The position, and what was alerted, in memory."""

    def __init__(self) -> None:
        self.batch: Any = None

    def read(self) -> Any:
        return self.batch

    def write(self, batch: Batch) -> None:
        self.batch = batch


class Sent:
    """Alerts as a list, metrics as nothing."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str]] = []
        self.noted: dict[str, float] = {}

    def publish(self, subject: str, message: Message) -> None:
        self.alerts.append((subject, message.text))

    def put(self, *metrics: Any) -> None: ...

    def close(self) -> None: ...

    def read(self) -> dict[str, float]:
        return self.noted

    def write(self, sent: Mapping[str, float]) -> None:
        self.noted = dict(sent)


class Stream:
    """An observer and a watcher over a lake, with everything that they are given at hand."""

    def __init__(self, lake: Path, folder: Path) -> None:
        self.lake = lake
        self.registry = FakeRegistry()
        self.kept = Kept()
        self.sent = Sent()
        self.versions: dict[str, Any] = {"1": Version(folder)}
        self.restart()
        self.round()

    def restart(self) -> None:
        settings = settings_of(self.lake, drift_share=1.0)
        challenger = Challenger(self.registry, lambda _: None)
        profilers = Profilers(str.encode, lambda archive: self.versions[archive.decode()])
        drift = Drift(settings, profilers, Retraining(self.registry))
        self.round = Observer(settings, challenger, drift, self.kept)
        self.watch = Watcher(settings, self.sent, self.sent, self.sent)  # type: ignore[arg-type]

    def arrive(self, texts: Sequence[str], at: datetime = NOON, version: str = "1") -> None:
        served = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "model_version": version}
        when = {"event_time": at, "arrival_time": at}
        append(self.lake, POSTS, [{"event_id": f"{n}", "text": text, **when, **served} for n, text in enumerate(texts)])

    def first_hour(self) -> None:
        """Texts like the reference in the hour before noon, with which later hours are compared."""
        self.arrive(LIKE_THE_REFERENCE, NOON - timedelta(hours=1))
        self.round()

    def rows(self) -> list[dict[str, Any]]:
        return sorted(rows_of(self.lake, GOLD), key=lambda row: (row["hour"], row["model_version"]))


@pytest.fixture
def stream(empty_lake: Path, tmp_path: Path) -> Stream:
    return Stream(empty_lake, tmp_path / "bundle")


def test_texts_like_those_of_the_first_hour_raise_no_alert_and_request_nothing(stream: Stream) -> None:
    stream.first_hour()
    stream.arrive(LIKE_THE_REFERENCE)
    stream.round()
    stream.watch(NOON + timedelta(minutes=1))
    _, row = stream.rows()
    assert (row["texts"], row["changed"], row["psi_label"], row["novelty"]) == (240, None, 0.0, 0.0)
    assert (stream.sent.alerts, stream.registry.tags) == ([], {})


def test_a_stream_that_was_always_unlike_the_training_texts_has_not_drifted(stream: Stream) -> None:
    for hours in range(3):
        stream.arrive(OTHER_WORDS, NOON + timedelta(hours=hours))
        stream.round()
        stream.watch(NOON + timedelta(hours=hours, minutes=1))
    assert [(row["changed"], row["novelty"]) for row in stream.rows()] == [(None, None), (None, 0.0), (None, 0.0)]
    assert (stream.sent.alerts, stream.registry.tags) == ([], {})


def test_the_reference_stays_the_first_day_however_long_the_stream_runs_and_whatever_restarts(stream: Stream) -> None:
    stream.first_hour()
    for days in (2, 12):
        stream.restart()
        stream.round()
        stream.arrive(OTHER_WORDS, NOON + timedelta(days=days))
        stream.round()
    assert [row["changed"] for row in stream.rows()] == [None, "data", "data"]


def test_texts_that_drifted_are_alerted_and_a_new_model_is_asked_for(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_module, "LOOK_EVERY_S", 0.0)
    stream.first_hour()
    stream.arrive(OTHER_WORDS)
    stream.round()
    stream.watch(NOON + timedelta(minutes=1))
    assert [row["changed"] for row in stream.rows()] == [None, "data"]
    ((subject, text),) = stream.sent.alerts
    assert subject == "Moodstream: drift data, version 1"
    assert "The data changed: unknown words rose by" in text
    asked = json.loads(stream.registry.tags[REQUEST])
    assert (asked["cause"], asked["version"]) == ("data", "1")
    assert "unknown words rose by" in asked["why"]


def test_another_mood_of_the_same_audience_is_news_and_asks_for_nothing(stream: Stream) -> None:
    stream.first_hour()
    stream.arrive(GLOOMY)
    stream.round()
    stream.watch(NOON)
    assert [subject for subject, _ in stream.sent.alerts] == ["Moodstream: drift audience, version 1"]
    assert stream.registry.tags == {}


def test_a_new_version_that_scores_the_same_texts_otherwise_is_the_cause(stream: Stream, tmp_path: Path) -> None:
    stream.versions["2"] = CallsAllNegative(tmp_path / "second")
    stream.arrive(LIKE_THE_REFERENCE)
    stream.round()
    stream.arrive(LIKE_THE_REFERENCE, NOON + timedelta(minutes=1), "2")
    stream.round()
    stream.watch(NOON + timedelta(minutes=2))
    assert [subject for subject, _ in stream.sent.alerts] == ["Moodstream: drift model, version 2"]


def test_a_mood_that_the_version_before_saw_too_is_no_fault_of_the_new_one(stream: Stream, tmp_path: Path) -> None:
    stream.versions["2"] = Version(tmp_path / "second")
    stream.first_hour()
    stream.arrive(GLOOMY)
    stream.arrive(GLOOMY, NOON + timedelta(minutes=1), "2")
    stream.round()
    stream.arrive(GLOOMY, NOON + timedelta(minutes=2), "2")
    stream.round()
    assert [row["changed"] for row in stream.rows()] == [None, "audience", "audience"]


def test_after_a_day_a_new_version_is_compared_with_its_own_first_day(stream: Stream, tmp_path: Path) -> None:
    stream.versions["2"] = CallsAllNegative(tmp_path / "second")
    stream.first_hour()
    for hours in (0, 23, 24, 48):
        stream.arrive(LIKE_THE_REFERENCE, NOON + timedelta(hours=hours), "2")
        stream.round()
    assert [row["changed"] for row in stream.rows()] == [None, "model", "model", None, None]


def test_histograms_add_up_over_batches_and_the_distances_follow(stream: Stream, tmp_path: Path) -> None:
    stream.first_hour()
    for part in (LIKE_THE_REFERENCE[:100], LIKE_THE_REFERENCE[100:]):
        stream.arrive(part)
        stream.round()
    stream.arrive(LIKE_THE_REFERENCE[:50], NOON + timedelta(hours=1))
    stream.round()
    _, noon, later = stream.rows()
    whole = stream.versions["1"].profile(LIKE_THE_REFERENCE)
    assert {name: noon[name] for name in HISTOGRAMS} == {name: list(whole[name]) for name in HISTOGRAMS}
    assert (noon["psi_polarity"], later["texts"]) == (0.0, 50)


def test_a_batch_that_a_crash_repeats_counts_once(stream: Stream) -> None:
    stream.arrive(LIKE_THE_REFERENCE)
    stream.round()
    before = stream.rows()
    stream.restart()
    stream.round()
    assert stream.rows() == before


def test_a_batch_that_was_begun_and_not_committed_is_made_good(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    stream.arrive(LIKE_THE_REFERENCE)
    with monkeypatch.context() as broken:
        broken.setattr(observer, "keyed_merge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            stream.round()
    stream.restart()
    stream.round()
    stream.round()
    assert [row["texts"] for row in stream.rows()] == [240]


def test_a_version_that_tells_no_profiles_is_left_out(stream: Stream) -> None:
    stream.versions["3"] = pd.DataFrame
    stream.arrive(LIKE_THE_REFERENCE, version="3")
    stream.arrive(LIKE_THE_REFERENCE, version="gone")
    stream.round()
    assert stream.rows() == []


def test_a_new_model_is_asked_for_once_however_often_and_for_however_long_it_drifts() -> None:
    registry = FakeRegistry()
    asked = [
        Retraining(registry).ask("data", "1", "other words", NOON + after)
        for after in (timedelta(0), timedelta(hours=1), ASK_EVERY - timedelta(seconds=1), ASK_EVERY)
    ]
    assert asked == [True, False, False, True]


def test_a_registry_that_is_down_stops_nothing_and_is_asked_again() -> None:
    registry = FakeRegistry()
    registry.down = True
    assert not Retraining(registry).ask("data", "1", "other words", NOON)
    registry.down = False
    assert Retraining(registry).ask("data", "1", "other words", NOON)
