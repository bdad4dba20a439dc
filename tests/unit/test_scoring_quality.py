"""Labels on real Delta tables become gold and tags of the challenger; a registry and a model of two lines, no Spark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from model.evaluation import metrics
from streaming.corrections import keyed_tables
from streaming.delta.merge import created
from streaming.scoring import quality
from streaming.scoring.challenger import Challenger
from streaming.scoring.quality import Quality
from streaming.tables import gold_labelled_by_hour, silver_labels
from streaming.tables.gold_labelled_by_hour import CELLS, LABELS
from tests.lake_rows import rows_of, settings_of
from tests.unit.test_scoring_observer import FakeRegistry, gloomy_about_rain

GOLD = gold_labelled_by_hour.NAME
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
MADE = HOUR - timedelta(days=1)


class Registry(FakeRegistry):
    """A registry that a test can make forget how old a version is."""

    ages = True

    def made_at(self, version: str) -> datetime:
        if not self.ages:
            raise ConnectionError("registry is down")
        return MADE


class Judging:
    """The labels of a lake, and the round that follows them."""

    def __init__(self, lake: Path) -> None:
        self.lake = lake
        self.settings = settings_of(lake)
        for table in (silver_labels.TABLE, gold_labelled_by_hour.TABLE):
            created(table, str(lake / table.name), {})
        self.registry = Registry()
        self.restart()

    def restart(self) -> None:
        self.judge = Quality(self.settings, Challenger(self.registry, lambda _: None, gloomy_about_rain))

    def label(self, event_id: str, label: str, **overrides: Any) -> None:
        row = {"event_id": event_id, "event_time": HOUR, "text": "sun", "label": label, "labelled_at": HOUR}
        row |= {"source": "ann", "sentiment": "positive", "model_version": "1", **overrides}
        fields = pa.schema([*silver_labels.TABLE.key, *silver_labels.TABLE.values])
        table = pa.Table.from_pylist([row], fields)
        rows = silver_labels.TABLE.rows({name: table[name] for name in fields.names})
        keyed_tables.upsert(self.settings, silver_labels.TABLE, rows)

    def round(self, challenger: str | None = "2") -> dict[tuple[str, str], dict[str, int]]:
        """By version and role: the counts that are not 0, over all hours."""
        self.judge._look_at = 0.0
        self.judge(challenger)
        found: dict[tuple[str, str], dict[str, int]] = {}
        for row in rows_of(self.lake, GOLD):
            own = found.setdefault((row["model_version"], row["role"]), {})
            for name in gold_labelled_by_hour.COUNTS:
                if row[name]:
                    own[name] = own.get(name, 0) + row[name]
        return found


@pytest.fixture
def judging(tmp_path: Path) -> Judging:
    return Judging(tmp_path)


def test_what_was_served_and_what_the_challenger_says_are_counted_against_the_labels(judging: Judging) -> None:
    judging.label("a", "negative", text="rain")
    judging.label("b", "positive", event_time=HOUR - timedelta(hours=1))
    judging.label("c", "neutral", sentiment="neutral", model_version="0")
    assert judging.round() == {
        ("1", "champion"): {"texts": 2, "negative_as_positive": 1, "positive_as_positive": 1},
        ("0", "champion"): {"texts": 1, "neutral_as_neutral": 1},
        ("2", "challenger"): {
            "texts": 3,
            "negative_as_negative": 1,
            "positive_as_positive": 1,
            "neutral_as_positive": 1,
        },
    }
    assert sorted(row["hour"] for row in rows_of(judging.lake, GOLD) if row["model_version"] == "1") == [
        HOUR - timedelta(hours=1),
        HOUR,
    ]
    tags = judging.registry.tags["2"]
    assert tags == {"labelled_texts": "3", "labelled_macro_f1": "0.5556", "labelled_served_macro_f1": "0.5556"}


def test_a_label_that_the_challenger_may_have_learnt_from_does_not_judge_it(judging: Judging) -> None:
    judging.label("a", "negative", text="rain", labelled_at=MADE - timedelta(seconds=1))
    assert judging.round() == {("1", "champion"): {"texts": 1, "negative_as_positive": 1}}
    assert judging.registry.tags == {}


def test_texts_that_were_chosen_because_the_champion_was_uncertain_judge_no_version(judging: Judging) -> None:
    judging.label("a", "negative", text="rain", drawn=silver_labels.UNCERTAIN)
    judging.label("b", "positive", drawn=silver_labels.RANDOM)
    judging.label("c", "positive")
    assert {key: counts["texts"] for key, counts in judging.round().items()} == {
        ("1", "champion"): 2,
        ("2", "challenger"): 2,
    }


def test_a_text_counts_once_with_its_last_label_and_not_at_all_once_it_is_erased(judging: Judging) -> None:
    judging.label("a", "negative")
    judging.label("a", "positive")
    for _ in range(2):
        assert judging.round()["1", "champion"] == {"texts": 1, "positive_as_positive": 1}
    judging.restart()
    assert judging.round()["1", "champion"] == {"texts": 1, "positive_as_positive": 1}
    DeltaTable(str(judging.lake / silver_labels.NAME)).delete("event_id = 'a'")
    assert judging.round() == {}


def test_nothing_is_written_while_no_label_comes(judging: Judging) -> None:
    judging.label("a", "negative")
    judging.round()
    version = DeltaTable(str(judging.lake / GOLD)).version()
    judging.round()
    assert DeltaTable(str(judging.lake / GOLD)).version() == version


def test_what_was_counted_of_a_challenger_stays_when_another_comes_or_the_registry_is_down(judging: Judging) -> None:
    judging.label("a", "positive")
    judging.round()
    judging.registry.ages = False
    judging.label("b", "positive")
    assert judging.round()["2", "challenger"] == {"texts": 1, "positive_as_positive": 1}
    judging.registry.ages = True
    assert judging.round()["2", "challenger"] == {"texts": 2, "positive_as_positive": 2}
    assert judging.round(None)["2", "challenger"] == {"texts": 2, "positive_as_positive": 2}
    assert judging.round("3").keys() == {("1", "champion"), ("2", "challenger"), ("3", "challenger")}


def test_hours_before_the_window_stay_as_they_were_counted(judging: Judging, monkeypatch: pytest.MonkeyPatch) -> None:
    judging.label("old", "negative", event_time=HOUR - timedelta(days=20))
    judging.round()
    monkeypatch.setattr(quality, "WINDOW", timedelta(days=10))
    judging.label("new", "negative")
    assert judging.round()["1", "champion"]["texts"] == 2
    DeltaTable(str(judging.lake / silver_labels.NAME)).delete("event_id = 'old'")
    assert judging.round()["1", "champion"]["texts"] == 2


def test_macro_f1_of_the_counts_is_that_of_the_texts() -> None:
    rng = np.random.default_rng(3)
    truth, said = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    for labels in (3, 2):
        cells = metrics.confusion(np.minimum(truth, labels - 1), np.minimum(said, labels - 1))
        counts = {CELLS[a, b]: int(cells[i, j]) for i, a in enumerate(LABELS) for j, b in enumerate(LABELS)}
        expected = metrics.macro_f1(np.minimum(truth, labels - 1), np.minimum(said, labels - 1))
        assert gold_labelled_by_hour.macro_f1(counts) == pytest.approx(expected)
    assert gold_labelled_by_hour.macro_f1(dict.fromkeys(gold_labelled_by_hour.COUNTS, 0)) == 0
