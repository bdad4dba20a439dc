"""The dashboard draws what gold holds, and says so where gold is still empty."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import write_deltalake

from deploy.local.pages import APP
from streaming.tables import gold_drift_by_hour, gold_labelled_by_hour
from tests.patience import patience

pytestmark = pytest.mark.filterwarnings("ignore")  # Streamlit's own


def page(monkeypatch: pytest.MonkeyPatch, workdir: Path) -> Any:
    """The page as Streamlit runs it, without a browser."""
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(sys, "argv", ["app.py", str(workdir)])
    return AppTest.from_file(str(APP), default_timeout=patience(60)).run()


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


def test_the_numbers_on_top_are_those_of_gold(monkeypatch, tmp_path: Path) -> None:
    put(tmp_path, "gold/sentiment_by_minute", {"minute": NOW, "entity": "post", **SUMS, "late": 0})
    put(tmp_path, "gold/sentiment_by_topic", {"minute": NOW, "topic": "news", "entity": "post", **SUMS})
    put(tmp_path, "gold/terms_by_hour", {"hour": NOW, "term": "good", **SUMS})
    put(tmp_path, "gold/sentiment_by_cohort", {"hour": NOW, "location": "Oslo", "age_band": "25-34", **SUMS})
    put(tmp_path, "gold/sentiment_by_model", {"hour": NOW, "model_version": "3", "entity": "post", **SUMS})
    put(tmp_path, "gold/engagement_by_minute", {"minute": NOW, "action": "like", "interactions": 7})
    quality = {"minute": NOW, "entity": "rejected", "reason": "not_json", "events": 4, "late": 0}
    put(tmp_path, "gold/quality_by_minute", quality)
    put(tmp_path, "gold/freshness", {"batch_id": 1, "committed_at": NOW, "lag_p50_s": 1.5, "lag_p95_s": 2.5})
    score = {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "model_version": "3"}
    put(tmp_path, "silver/posts", {"event_time": NOW, "text": "<b>so good</b>", **score})

    shown = page(monkeypatch, tmp_path)

    assert not shown.exception
    numbers = {metric.label: metric.value for metric in shown.metric}
    assert numbers == {
        "Polarity": "+0.250",
        "Positive": "50%",
        "Scored texts": "10",
        "Rejected": "4",
        "Gold lag (p95)": "2.5 s",
        "likes": "7",
    }
    assert any("&lt;b&gt;so good&lt;/b&gt;" in text.value for text in shown.markdown), "a post is never markup"


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

    shown = page(monkeypatch, tmp_path)

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
    assert "Judged by people" not in [header.value for header in page(monkeypatch, tmp_path).subheader]
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

    shown = page(monkeypatch, tmp_path)

    assert not shown.exception
    table = next(frame.value for frame in shown.dataframe if "macro_f1" in frame.value)
    assert table.round(3).to_dict("records") == [
        {"model_version": "4", "role": "challenger", "texts": 18, "macro_f1": 1.0, "right": 100.0},
        {"model_version": "3", "role": "champion", "texts": 20, "macro_f1": 0.905, "right": 90.0},
    ]
