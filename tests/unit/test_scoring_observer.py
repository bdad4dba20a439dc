"""The challenger in the shadow: silver on real Delta tables, a registry and models of two lines, no Spark."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable

from streaming.delta.log import AppendedRows
from streaming.errors import ModelUnusable
from streaming.scoring import observer
from streaming.scoring.archive import Predict
from streaming.scoring.challenger import Challenger
from streaming.scoring.drift import Drift, Profilers, Retraining
from streaming.scoring.observer import Batch, Observer
from streaming.tables import gold_shadow_by_hour
from tests.builders import NOON
from tests.lake_rows import append, rows_of, settings_of

POSTS = "silver/posts"
SHADOW = gold_shadow_by_hour.NAME


def a_post(event_id: str, **overrides: Any) -> dict[str, Any]:
    served = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "model_version": "1"}
    return {"event_id": event_id, "event_time": NOON, "arrival_time": NOON, "text": "sun", **served, **overrides}


class FakeRegistry:
    """A registry whose alias and health a test sets; tags end up in a dict."""

    def __init__(self, alias: str | None = "2") -> None:
        self.alias = alias
        self.down = False
        self.tags: dict[str, dict[str, str]] = {}

    def challenger(self) -> str | None:
        if self.down:
            raise ConnectionError("registry is down")
        return self.alias

    def download(self, version: str) -> bytes:
        return version.encode()

    def made_at(self, version: str) -> datetime:
        return NOON

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        self.tags.setdefault(version, {}).update(tags)

    def model_tags(self) -> dict[str, str]:
        return {}

    def tag_model(self, name: str, value: str) -> None:
        raise AssertionError("nothing drifts here")


class Kept:
    """The position in memory."""

    def __init__(self) -> None:
        self.batch: Batch | None = None

    def read(self) -> Batch | None:
        return self.batch

    def write(self, batch: Batch) -> None:
        self.batch = batch


def gloomy_about_rain(archive: bytes, version: str) -> Predict:
    def predict(texts: Sequence[str]) -> pd.DataFrame:
        said = [("negative", -0.5) if "rain" in text else ("positive", 0.5) for text in texts]
        return pd.DataFrame(said, columns=["sentiment", "polarity"]).assign(confidence=0.9)

    return predict


def unusable(archive: bytes, version: str) -> Predict:
    raise ModelUnusable("no artefact")


def fails_on_texts(archive: bytes, version: str) -> Predict:
    return lambda texts: 1 / 0  # type: ignore[return-value]


class Shadow:
    """An observer over a lake, with everything that it is given at hand."""

    def __init__(self, lake: Path, load: Callable[[bytes, str], Predict] = gloomy_about_rain, share: float = 1.0):
        self.lake = lake
        self.load = load
        self.share = share
        self.registry = FakeRegistry()
        self.kept = Kept()
        self.refused: dict[str, str] = {}
        self.restart()

    def restart(self) -> None:
        challenger = Challenger(self.registry, self._tell, self.load)
        settings = settings_of(self.lake, shadow_share=self.share, drift_share=0.0)
        drift = Drift(settings, Profilers(lambda _: None), Retraining(self.registry))
        self.round = Observer(settings, challenger, drift, self.kept)

    def _tell(self, refused: Mapping[str, str]) -> None:
        self.refused = dict(refused)

    def rows(self) -> list[dict[str, Any]]:
        return rows_of(self.lake, SHADOW) if (self.lake / SHADOW).exists() else []


def test_agreement_labels_and_distance_are_added_up_per_hour_and_pair_of_versions(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.round()
    later = NOON + timedelta(hours=1)
    append(empty_lake, POSTS, [a_post("a"), a_post("b", text="rain"), a_post("c", event_time=later)])
    append(empty_lake, "silver/comments", [a_post("d", model_version="0")])
    assert shadow.round()["numInputRows"] == 4
    append(empty_lake, POSTS, [a_post("e", text="rain", sentiment="negative", polarity=-0.25)])
    shadow.round()
    found = {(row["hour"], row["champion_version"]): row for row in shadow.rows()}
    assert found.keys() == {(NOON, "1"), (later, "1"), (NOON, "0")}
    noon = found[NOON, "1"]
    assert noon["scoring_seconds"] > 0
    assert {name: noon[name] for name in ("challenger_version", "texts", "agreements", "polarity_difference_sum")} == {
        "challenger_version": "2",
        "texts": 3,
        "agreements": 2,
        "polarity_difference_sum": 1.25,
    }
    assert [noon[f"champion_{label}"] for label in gold_shadow_by_hour.LABELS] == [1, 0, 2]
    assert [noon[f"challenger_{label}"] for label in gold_shadow_by_hour.LABELS] == [2, 0, 1]


def test_a_new_challenger_starts_with_what_comes_then(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.registry.alias = None
    shadow.round()
    append(empty_lake, POSTS, [a_post("before")])
    assert shadow.round()["numInputRows"] == 0
    shadow.registry.alias = "2"
    append(empty_lake, POSTS, [a_post("after")])
    assert shadow.round()["numInputRows"] == 1
    assert [row["texts"] for row in shadow.rows()] == [1]


def test_a_batch_that_a_crash_repeats_counts_once(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.round()
    append(empty_lake, POSTS, [a_post("a")])
    shadow.round()
    shadow.restart()
    append(empty_lake, POSTS, [a_post("b")])
    shadow.round()
    assert [row["texts"] for row in shadow.rows()] == [2]


def test_a_batch_that_was_begun_and_not_committed_is_made_good(
    empty_lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = Shadow(empty_lake)
    shadow.round()
    append(empty_lake, POSTS, [a_post("a")])
    with monkeypatch.context() as broken:
        broken.setattr(observer, "keyed_merge", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shadow.round()
    append(empty_lake, POSTS, [a_post("b")])
    shadow.restart()
    shadow.round()
    assert [row["texts"] for row in shadow.rows()] == [2]


@pytest.mark.parametrize(("load", "why"), [(unusable, "no artefact"), (fails_on_texts, "fails on real texts")])
def test_a_broken_challenger_is_refused_told_and_kept_from_promotion(
    empty_lake: Path, load: Callable[[bytes, str], Predict], why: str
) -> None:
    shadow = Shadow(empty_lake, load)
    shadow.round()
    append(empty_lake, POSTS, [a_post("a")])
    shadow.round()
    assert why in shadow.refused["2"]
    assert shadow.registry.tags == {"2": {"shadow_failures": "1"}}
    assert shadow.rows() == []
    shadow.load = shadow.round._challenger._load = gloomy_about_rain
    shadow.registry.alias = "3"
    shadow.round()
    append(empty_lake, POSTS, [a_post("b")])
    assert shadow.round()["numInputRows"] == 1
    assert shadow.refused == {}


def test_an_unreachable_registry_stops_nothing(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.registry.down = True
    assert shadow.round()["numInputRows"] == 0


def test_promotion_can_read_what_the_shadow_came_to(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.round()
    append(empty_lake, POSTS, [a_post("a"), a_post("b", text="rain")])
    shadow.round()
    assert shadow.registry.tags == {"2": {"shadow_texts": "2", "shadow_agreement": "0.5000"}}


def test_what_the_challenger_itself_served_or_nobody_scored_is_left_out(empty_lake: Path) -> None:
    shadow = Shadow(empty_lake)
    shadow.round()
    nobody = {"sentiment": None, "polarity": None, "confidence": None, "model_version": None}
    append(empty_lake, POSTS, [a_post("a"), a_post("own", model_version="2"), a_post("nobody", **nobody)])
    assert shadow.round()["numInputRows"] == 1


def test_the_share_goes_by_the_event(empty_lake: Path) -> None:
    append(empty_lake, POSTS, [a_post(str(n)) for n in range(2000)])
    rows = AppendedRows(settings_of(empty_lake), POSTS).rows(0, 1, gold_shadow_by_hour.SERVED)
    taken = [set(observer.shared(rows, share)["event_id"].to_pylist()) for share in (0.1, 0.1, 0.5, 1.0)]
    assert taken[0] == taken[1] < taken[2]
    assert 150 < len(taken[0]) < 250
    assert taken[3] == {str(n) for n in range(2000)}


def test_rows_that_were_rewritten_were_not_appended(empty_lake: Path) -> None:
    append(empty_lake, POSTS, [a_post("a"), a_post("b")])
    DeltaTable(str(empty_lake / POSTS)).delete("event_id = 'a'")
    append(empty_lake, POSTS, [a_post("c")])
    source = AppendedRows(settings_of(empty_lake), POSTS)
    assert source.newest() == 3
    assert source.rows(1, 3, gold_shadow_by_hour.SERVED)["event_id"].to_pylist() == ["c"]


def test_a_round_is_bounded_by_rows_but_takes_one_version_at_least(empty_lake: Path) -> None:
    for name in "abc":
        append(empty_lake, POSTS, [a_post(name), a_post(name * 2)])
    source = AppendedRows(settings_of(empty_lake), POSTS)
    assert [source.reach(0, most) for most in (1, 4, 5, 99)] == [1, 2, 2, 3]
    assert source.reach(3, 99) == 3
