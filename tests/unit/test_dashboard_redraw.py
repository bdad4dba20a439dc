"""A page draws itself again every few seconds: it opens and reads each table once, and builds no chart anew."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake

from deploy.dashboard import charts, lake
from deploy.dashboard.lake import Lake
from tests.dashboard import BAD, GOOD, HOUR, NOW, changed_mood, page, put

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own
MINUTES = "gold/sentiment_by_minute"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the pages opened each table."""
    counted: Counter[str] = Counter()

    def counting(settings: Any, name: str) -> DeltaTable:
        counted[name] += 1
        return DeltaTable(settings.table(name))

    monkeypatch.setattr(lake, "open_table", counting)
    return counted


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the pages read each table."""
    counted: Counter[str] = Counter()
    reading = lake.read

    def counts(table: DeltaTable, **named: Any) -> Any:
        counted["/".join(Path(table.table_uri).parts[-2:])] += 1
        return reading(table, **named)

    monkeypatch.setattr(lake, "read", counts)
    return counted


@pytest.mark.parametrize("name", ["Overview", "Why"])
def test_a_page_opens_and_reads_each_table_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, opened: Counter[str], read: Counter[str], name: str
) -> None:
    changed_mood(tmp_path)
    assert not page(monkeypatch, tmp_path, name).exception
    assert {table: count for table, count in opened.items() if count > 1} == {}
    assert {table: count for table, count in read.items() if count > 1} == {}
    assert read[MINUTES] == 1


def test_one_drawing_sees_one_version_of_a_table_and_the_next_one_the_newest(tmp_path: Path) -> None:
    put(tmp_path, MINUTES, {"minute": NOW, **BAD})
    place = Lake(str(tmp_path / "lake"))
    drawing = place.for_one_drawing()
    assert len(drawing.rows(MINUTES, "minute", NOW - HOUR)) == 1
    write_deltalake(place.settings.table(MINUTES), pd.DataFrame([{"minute": NOW, **GOOD}]), mode="append")
    assert len(drawing.rows(MINUTES, "minute", NOW - HOUR)) == 1
    assert len(place.for_one_drawing().rows(MINUTES, "minute", NOW - HOUR)) == 2


def test_rows_that_are_read_already_are_cut_to_the_span_that_is_asked_for(tmp_path: Path) -> None:
    put(tmp_path, MINUTES, *({"minute": NOW - hours * HOUR, **BAD} for hours in range(5)))
    drawing = Lake(str(tmp_path / "lake")).for_one_drawing()
    assert [len(drawing.rows(MINUTES, "minute", NOW - hours * HOUR)) for hours in (2, 1, 3)] == [3, 2, 4]


def test_what_a_page_does_to_its_rows_no_other_part_of_it_sees(tmp_path: Path) -> None:
    put(tmp_path, MINUTES, {"minute": NOW, **BAD})
    drawing = Lake(str(tmp_path / "lake")).for_one_drawing()
    drawing.rows(MINUTES, "minute", NOW - HOUR)["bucket"] = 1
    assert "bucket" not in drawing.rows(MINUTES, "minute", NOW - HOUR)


def test_a_chart_of_other_rows_has_the_same_specification_which_holds_none_of_them() -> None:
    rows = pd.DataFrame([{"topic": "tea", "events": 5, "net": 0.5}])
    first, second = charts.ranked(rows, "topic"), charts.ranked(rows.assign(topic="rain"), "topic")
    assert first.specification is second.specification
    assert not {"data", "datasets"} & first.specification.keys()
    assert first.whole()["data"] != second.whole()["data"], "the page would take them for the same rows"
    assert charts.ranked(pd.concat([rows] * 9), "topic").specification["height"] > first.specification["height"]


def test_a_limit_has_rows_of_its_own_beside_those_of_the_chart() -> None:
    rows = pd.DataFrame([{"committed_at": NOW, "lag_p50_s": 1.0, "lag_p95_s": 2.0}])
    whole = charts.freshness(rows, 30.0).whole()
    limit = next(layer for layer in whole["layer"] if layer["mark"]["type"] == "rule")
    assert whole["datasets"][limit["data"]["name"]] == [{"seconds": 30.0}]
    assert len(whole["datasets"][whole["data"]["name"]]) == 2
