"""The dashboard draws what gold holds, and says so where gold is still empty."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import write_deltalake

from deploy.local.pages import APP
from streaming.alerts import messages
from streaming.operations.alerts import a_test
from streaming.tables import gold_drift_by_hour, gold_incidents, gold_labelled_by_hour
from tests.patience import patience

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own


def page(monkeypatch: pytest.MonkeyPatch, workdir: Path, name: str = "Overview", *options: str) -> Any:
    """A page as Streamlit runs it, without a browser."""
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(sys, "argv", ["app.py", str(workdir), *options])
    app = AppTest.from_file(str(APP), default_timeout=patience(60))
    app.query_params["page"] = name
    return app.run()


def put(workdir: Path, table: str, *rows: dict[str, Any]) -> None:
    write_deltalake(str(workdir / "lake" / table), pd.DataFrame(rows))


NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = timedelta(hours=1)
MOODS = ("negative", "neutral", "positive")
SUMS = {"events": 10, "negative": 2, "neutral": 3, "positive": 5, "polarity_sum": 2.5, "polarity_mean": 0.25}


def test_an_empty_lake_is_told_kindly(monkeypatch, tmp_path: Path) -> None:
    shown = page(monkeypatch, tmp_path)

    assert not shown.exception
    assert "Nothing scored yet" in shown.info[0].value


BAD = {"negative": 90, "neutral": 5, "positive": 5, "events": 100, "polarity_sum": -70.0}
GOOD = {"negative": 20, "neutral": 20, "positive": 60, "events": 100, "polarity_sum": 30.0}


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """An hour in which people were content, then one in which an outage made them angry."""
    minute = {"entity": "post", "late": 0, "polarity_mean": 0.0}
    put(
        tmp_path, "gold/sentiment_by_minute", {"minute": NOW - HOUR, **minute, **GOOD}, {"minute": NOW, **minute, **BAD}
    )
    topic = {"entity": "post", "polarity_mean": 0.0}
    put(
        tmp_path,
        "gold/sentiment_by_topic",
        {"minute": NOW - HOUR, "topic": "tea", **topic, **GOOD},
        {"minute": NOW, "topic": "outage", **topic, **BAD},
    )
    put(tmp_path, "gold/terms_by_hour", *({"hour": NOW, "term": word, **BAD} for word in ("down", "broken")))
    put(tmp_path, "gold/sentiment_by_cohort", {"hour": NOW, "location": "Oslo", "age_band": "25-34", **BAD})
    put(
        tmp_path,
        "gold/freshness",
        {"batch_id": 1, "committed_at": NOW, "events": 9, "lag_p50_s": 1.5, "lag_p95_s": 2.5},
    )
    languages = (
        {"hour": NOW, "entity": "post", "language": code, "texts": 9, "unscored": n}
        for code, n in (("en", 0), ("de", 7))
    )
    put(tmp_path, "gold/language_by_hour", *languages)
    quality = {"minute": NOW, "entity": "rejected", "reason": "not_json", "events": 4, "late": 0}
    put(tmp_path, "gold/quality_by_minute", quality)
    put(tmp_path, "silver/rejected", {"arrival_time": NOW, "reason": "not_json", "raw": b"{oops"})
    score = {"sentiment": "negative", "polarity": -0.8, "confidence": 0.9, "model_version": "3"}
    post = {
        "event_time": NOW,
        "event_id": "e1",
        "post_id": "p1",
        "user_id": "ann",
        "text": "<b>it is down</b> #outage",
        **score,
    }
    put(
        tmp_path,
        "silver/posts",
        post,
        {**post, "event_id": "e2", "post_id": "p2", "user_id": "bob", "text": "tea?", "sentiment": "neutral"},
    )
    put(tmp_path, "silver/comments", {**post, "post_id": "p1", "text": "same here"})
    put(
        tmp_path,
        "silver/users",
        {"user_id": "ann", "user_location": "Oslo"},
        {"user_id": "bob", "user_location": "Rome"},
    )
    return tmp_path


def told(shown: Any) -> str:
    return "\n".join(part.value for kind in (shown.info, shown.markdown, shown.caption, shown.success) for part in kind)


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
    assert "The negative texts behind it" in [header.value for header in shown.subheader]
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


def test_an_open_incident_is_on_the_overview_and_told_with_its_posts_on_its_page(monkeypatch, changed: Path) -> None:
    row = {**a_test(NOW), "incident_id": "i1", "posts": ["e1"], "topics": ["outage"], "severity": "critical"}
    write_deltalake(str(changed / "lake/gold/incidents"), gold_incidents.table_of([row]))

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
    distances = dict.fromkeys(gold_drift_by_hour.DISTANCES, 0.3) | {"novelty": 0.12, "diagnosis": "unknown words rose"}
    profile = {name: [1, 2] * 5 for name in gold_drift_by_hour.HISTOGRAMS}
    drifted = {"model_version": "3", "texts": 500, "changed": "data", **profile, **distances}
    put(tmp_path, "gold/drift_by_hour", *({"hour": NOW - n * HOUR, **drifted} for n in range(2)))
    said = {f"{who}_{mood}": 20 for who in ("champion", "challenger") for mood in MOODS}
    shadow = {"champion_version": "3", "challenger_version": "4", "texts": 60, "agreements": 54, **said}
    put(
        tmp_path,
        "gold/shadow_by_hour",
        {"hour": NOW, **shadow, "polarity_difference_sum": 6.0, "scoring_seconds": 0.006},
    )

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
    assert "Judged by people" not in [header.value for header in page(monkeypatch, tmp_path, "Models").subheader]
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
