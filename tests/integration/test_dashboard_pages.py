"""The dashboard draws what gold holds, and says so where gold is still empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from altair.utils import schemapi

from streaming.alerts import messages
from streaming.tables import gold_labelled_by_hour
from tests.dashboard import HOUR, NOW, SUMS, an_incident, changed_mood, costs, page, put, told, two_versions

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own


@pytest.fixture(autouse=True)
def charts_are_checked() -> Iterator[None]:
    """The dashboard itself does not check its charts against Altair's schema."""
    with schemapi.debug_mode(True):
        yield


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """An hour in which people were content, then one in which an outage made them angry."""
    changed_mood(tmp_path)
    return tmp_path


def test_an_empty_lake_is_told_kindly(monkeypatch, tmp_path: Path) -> None:
    shown = page(monkeypatch, tmp_path)

    assert not shown.exception
    assert "Nothing scored yet" in shown.info[0].value


def test_the_overview_says_how_the_sentiment_is_and_what_moved_it(monkeypatch, changed: Path) -> None:
    shown = page(monkeypatch, changed)
    assert "7 texts are in languages that the model does not serve" in told(shown)

    assert not shown.exception
    numbers = {metric.label: (metric.value, metric.delta) for metric in shown.metric}
    assert numbers["Net sentiment"] == ("-85", "±9 (95 %)")
    assert numbers["Against the span before"] == ("-125 ±18", "more than chance")
    assert numbers["Against a day before"] == ("–", "no texts then")
    assert numbers["Texts"] == ("100", "+0%")
    assert "Net sentiment fell from +40 to -85" in told(shown)
    assert "topic outage" in told(shown)


def test_the_page_why_names_the_drivers_and_shows_the_texts_behind_them(monkeypatch, changed: Path) -> None:
    shown = page(monkeypatch, changed, "Why")
    (span,) = shown.slider
    end = span.value[1]
    shown = span.set_range(end - HOUR, end).run()

    assert not shown.exception
    assert "The negative texts behind it" in [header.value for header in shown.header]
    post = next(text.value for text in shown.markdown if "it is " in text.value)
    assert "&lt;b&gt;it is <mark" in post, "a text is never markup, and the words that carried the change are marked"
    assert "1 replies to them" in told(shown)


def test_texts_are_found_by_word_author_place_and_sentiment(monkeypatch, changed: Path) -> None:
    def found(**fields: str) -> str:
        shown = page(monkeypatch, changed, "Find")
        for label, value in fields.items():
            next(box for box in shown.text_input if box.label == label).set_value(value)
        shown.run()
        assert not shown.exception
        return told(shown)

    assert "Found 2" in found()
    assert "Found 1" in found(Words="TEA")
    assert "Found 1" in found(Topic="#outage")
    assert "Found 1" in found(Author="bob")
    assert "it is down" in found(Place="oslo").replace("</mark>", "")
    assert "No text of this span is like that" in found(Words="nothing like it")


def test_the_pipeline_page_shows_lag_rejected_examples_and_tables(monkeypatch, changed: Path) -> None:
    shown = page(monkeypatch, changed, "Pipeline")

    assert not shown.exception
    assert "gold lags 2 s" in told(shown) or "gold lags 3 s" in told(shown)
    tables = next(frame.value for frame in shown.dataframe if "files" in frame.value)
    assert {"silver/posts", "gold/freshness"} <= set(tables["table"])
    assert any("{oops" in str(frame.value.get("raw", "")) for frame in shown.dataframe)


def test_the_pipeline_page_says_what_a_million_events_cost(monkeypatch, changed: Path) -> None:
    costs(changed)
    shown = page(monkeypatch, changed, "Pipeline")

    assert not shown.exception
    said = told(shown)
    assert "900 CPU seconds, 0.040 USD for the cores that it holds: 1,000 events a second on 2 cores" in said


def test_the_pipeline_page_shows_no_price_where_the_job_has_none(monkeypatch, changed: Path) -> None:
    costs(changed, usd=None)
    assert "900 CPU seconds: 1,000 events a second on 2 cores" in told(page(monkeypatch, changed, "Pipeline"))


def test_an_open_incident_is_on_the_overview_and_told_with_its_posts_on_its_page(monkeypatch, changed: Path) -> None:
    row = an_incident(changed)

    overview, shown = page(monkeypatch, changed), page(monkeypatch, changed, "Incidents")

    assert not shown.exception
    assert any(messages.headline(row) in error.value for error in overview.error)
    assert "More: moodstream alerts show i1" in "".join(text.value for text in shown.text)
    assert "it is down" in told(shown)


def test_a_failed_hop_is_told_on_the_overview(monkeypatch, changed: Path) -> None:
    (changed / "run").mkdir()
    hops = {"load": {"state": "failed", "error": "no such table", "restarts": 0}}
    (changed / "run/status.json").write_text(json.dumps({"hops": hops}))

    shown = page(monkeypatch, changed)

    assert next(metric for metric in shown.metric if metric.label == "Pipeline").value == "Trouble"
    assert any("no such table" in error.value for error in shown.error)


def test_a_lake_without_a_working_directory_is_shown_too(monkeypatch, changed: Path) -> None:
    assert "Net sentiment fell" in told(page(monkeypatch, changed / "lake"))


def test_drift_and_the_challenger_are_shown_hour_by_hour(monkeypatch, tmp_path: Path) -> None:
    put(tmp_path, "gold/sentiment_by_minute", {"minute": NOW, "entity": "post", **SUMS, "late": 0})
    two_versions(tmp_path)

    shown = page(monkeypatch, tmp_path, "Models")

    assert not shown.exception
    numbers = {metric.label: metric.value for metric in shown.metric}
    assert (numbers["Changed this hour"], numbers["Unknown words"], numbers["Texts looked at"]) == (
        "the data",
        "+12.0%",
        "500",
    )
    assert (numbers["Same sentiment"], numbers["Time a text"], numbers["Texts scored"]) == ("90.0%", "100 µs", "60")
    assert any("Version 3: unknown words rose." in caption.value for caption in shown.caption)


def test_versions_are_judged_by_people_once_there_are_labels(monkeypatch, tmp_path: Path) -> None:
    put(tmp_path, "gold/sentiment_by_minute", {"minute": NOW, "entity": "post", **SUMS, "late": 0})
    assert "Judged by people" not in [header.value for header in page(monkeypatch, tmp_path, "Models").header]
    none = dict.fromkeys(gold_labelled_by_hour.COUNTS, 0)
    right = {"negative_as_negative": 6, "neutral_as_neutral": 6, "positive_as_positive": 6}
    wrong = {"negative_as_positive": 2}
    champion, challenger = (
        {"hour": NOW, "model_version": version, "role": role, **none}
        for version, role in (("3", "champion"), ("4", "challenger"))
    )
    put(
        tmp_path,
        "gold/labelled_by_hour",
        champion | right | {"texts": 18},
        champion | wrong | {"hour": NOW - HOUR, "texts": 2},
        challenger | right | {"texts": 18},
    )

    shown = page(monkeypatch, tmp_path, "Models")

    assert not shown.exception
    table = next(frame.value for frame in shown.dataframe if "macro_f1" in frame.value)
    assert table.round(3).to_dict("records") == [
        {"model_version": "4", "role": "challenger", "texts": 18, "macro_f1": 1.0, "right": 100.0},
        {"model_version": "3", "role": "champion", "texts": 20, "macro_f1": 0.905, "right": 90.0},
    ]
