"""A lake with something on every page of the dashboard, and the pages as Streamlit runs them without a browser."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake import write_deltalake

from deploy.local.pages import APP
from streaming.operations.alerts import a_test
from streaming.tables import gold_cost_by_minute, gold_drift_by_hour, gold_incidents, gold_labelled_by_hour
from tests.patience import patience

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
HOUR = timedelta(hours=1)
CONFIDENCES = {"e1": 0.9, "e2": 0.4, "e3": 0.7}
MOODS = ("negative", "neutral", "positive")
SUMS = {"events": 10, "negative": 2, "neutral": 3, "positive": 5, "polarity_sum": 2.5, "polarity_mean": 0.25}
BAD = {"negative": 90, "neutral": 5, "positive": 5, "events": 100, "polarity_sum": -70.0}
GOOD = {"negative": 20, "neutral": 20, "positive": 60, "events": 100, "polarity_sum": 30.0}


def page(monkeypatch: pytest.MonkeyPatch, workdir: Path, name: str = "Overview", *options: str) -> Any:
    """A page as Streamlit runs it, without a browser."""
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr(sys, "argv", ["app.py", str(workdir), *options])
    app = AppTest.from_file(str(APP), default_timeout=patience(60))
    app.query_params["page"] = name
    return app.run()


def put(workdir: Path, table: str, *rows: dict[str, Any]) -> None:
    write_deltalake(str(workdir / "lake" / table), pd.DataFrame(rows))


def told(shown: Any) -> str:
    return "\n".join(part.value for kind in (shown.info, shown.markdown, shown.caption, shown.success) for part in kind)


def changed_mood(workdir: Path) -> None:
    """An hour in which people were content, then one in which an outage made them angry."""
    minute = {"entity": "post", "late": 0, "polarity_mean": 0.0}
    put(workdir, "gold/sentiment_by_minute", {"minute": NOW - HOUR, **minute, **GOOD}, {"minute": NOW, **minute, **BAD})
    topic = {"entity": "post", "polarity_mean": 0.0}
    put(
        workdir,
        "gold/sentiment_by_topic",
        {"minute": NOW - HOUR, "topic": "tea", **topic, **GOOD},
        {"minute": NOW, "topic": "outage", **topic, **BAD},
    )
    put(workdir, "gold/terms_by_hour", *({"hour": NOW, "term": word, **BAD} for word in ("down", "broken")))
    put(workdir, "gold/sentiment_by_cohort", {"hour": NOW, "location": "Oslo", "age_band": "25-34", **BAD})
    put(
        workdir,
        "gold/freshness",
        {"batch_id": 1, "committed_at": NOW, "events": 9, "lag_p50_s": 1.5, "lag_p95_s": 2.5},
    )
    languages = (
        {"hour": NOW, "entity": "post", "language": code, "texts": 9, "unscored": n}
        for code, n in (("en", 0), ("de", 7))
    )
    put(workdir, "gold/language_by_hour", *languages)
    quality = {"minute": NOW, "entity": "rejected", "reason": "not_json", "events": 4, "late": 0}
    put(workdir, "gold/quality_by_minute", quality)
    put(workdir, "silver/rejected", {"arrival_time": NOW, "reason": "not_json", "raw": b"{oops"})
    score = {"sentiment": "negative", "polarity": -0.8, "confidence": 0.9, "model_version": "3"}
    post = {
        "event_time": NOW,
        "arrival_time": NOW,
        "event_id": "e1",
        "post_id": "p1",
        "user_id": "ann",
        "text": "<b>it is down</b> #outage",
        **score,
    }
    put(
        workdir,
        "silver/posts",
        post,
        {**post, "event_id": "e2", "post_id": "p2", "user_id": "bob", "text": "tea?", "sentiment": "neutral"},
    )
    put(workdir, "silver/comments", {**post, "post_id": "p1", "text": "same here"})
    put(
        workdir,
        "silver/users",
        {"user_id": "ann", "user_location": "Oslo"},
        {"user_id": "bob", "user_location": "Rome"},
    )


def two_versions(workdir: Path) -> None:
    """Two hours in which version 3 served a stream that drifted, with version 4 in its shadow."""
    distances = dict.fromkeys(gold_drift_by_hour.DISTANCES, 0.3) | {"novelty": 0.12, "diagnosis": "unknown words rose"}
    profile = {name: [1, 2] * 5 for name in gold_drift_by_hour.HISTOGRAMS}
    drifted = {"model_version": "3", "texts": 500, "changed": "data", **profile, **distances}
    put(workdir, "gold/drift_by_hour", *({"hour": NOW - n * HOUR, **drifted} for n in range(2)))
    said = {f"{who}_{mood}": 20 for who in ("champion", "challenger") for mood in MOODS}
    shadow = {"champion_version": "3", "challenger_version": "4", "texts": 60, "agreements": 54, **said}
    sums = {"polarity_difference_sum": 6.0, "scoring_seconds": 0.006}
    put(workdir, "gold/shadow_by_hour", {"hour": NOW, **shadow, **sums})


def costs(workdir: Path, usd: float | None = 0.0024) -> None:
    """A minute with a thousand events a second, for which two cores worked 54 of 60 seconds each."""
    used = {"seconds": 60.0, "events": 60_000, "cpu_s": 54.0, "task_s": 30.0, "core_s": 120.0, "usd": usd}
    write_deltalake(
        str(workdir / "lake" / gold_cost_by_minute.NAME), gold_cost_by_minute.table_of({"minute": NOW, **used})
    )


def an_incident(workdir: Path) -> dict[str, Any]:
    """An open incident of which the first post is typical; returns its row."""
    row = {**a_test(NOW), "incident_id": "i1", "posts": ["e1"], "topics": ["outage"], "severity": "critical"}
    write_deltalake(str(workdir / "lake/gold/incidents"), gold_incidents.table_of([row]))
    return row


def judged(workdir: Path) -> None:
    """Labels by which version 3 is right in all texts but two."""
    none = dict.fromkeys(gold_labelled_by_hour.COUNTS, 0)
    right = {"negative_as_negative": 6, "neutral_as_neutral": 6, "positive_as_positive": 6}
    champion = {"model_version": "3", "role": "champion", **none}
    wrong = {"hour": NOW - HOUR, "negative_as_positive": 2, "texts": 2}
    put(workdir, "gold/labelled_by_hour", {"hour": NOW, **champion, **right, "texts": 18}, {**champion, **wrong})


def served(workdir: Path) -> None:
    """This hour was scored by version 3."""
    row = {"hour": NOW.replace(minute=0), "entity": "post", "model_version": "3", **SUMS}
    put(workdir, "gold/sentiment_by_model", row)


def texts_to_label(workdir: Path) -> None:
    """Two posts and a comment that version 3 scored, with different confidence, and one that it left unscored."""
    served(workdir)
    score = {"sentiment": "negative", "polarity": -0.8, "model_version": "3"}
    common = {"event_time": NOW, "arrival_time": NOW, "user_id": "ann", "post_id": "p1", **score}
    scored = [
        {**common, "event_id": event, "text": f"<i>text</i> of {event}", "confidence": sure}
        for event, sure in CONFIDENCES.items()
    ]
    unscored = {"event_id": "e4", "sentiment": None, "polarity": None, "confidence": None}
    put(workdir, "silver/posts", *scored[:2], {**scored[0], **unscored})
    put(workdir, "silver/comments", scored[2])
