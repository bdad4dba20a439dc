"""The metric definitions for dbt give what the dashboard shows, asked of the same lake by `moodstream sql`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dashboard import change
from deploy.dashboard.lake import Lake
from streaming.delta.sql import sql_name
from streaming.operations.sql import main
from streaming.tables import catalog
from tests.builders import a_record
from tests.gold_without_spark import count_gold
from tests.lake_rows import append, refined, rows_of, run

FOLDER = Path(__file__).resolve().parents[2] / "sql" / "dbt"
MODELS = yaml.safe_load((FOLDER / "semantic_models.yml").read_text())["semantic_models"]
METRICS = {each["name"]: each for each in yaml.safe_load((FOLDER / "metrics.yml").read_text())["metrics"]}
MEASURES = {each["name"]: (model["name"], each["expr"]) for model in MODELS for each in model["measures"]}
SENTIMENTS = ("positive", "negative", "positive", "neutral", "positive")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five posts about two topics, a positive comment, one event of each other kind, and a rejected record."""
    lake = tmp_path_factory.mktemp("metrics") / "lake"
    others = [a_record(kind, event_id=kind) for kind in ("user", "interaction", "comment", "deletion")]
    refined(lake, *others, a_record("post", event_id="first"), b"broken")
    [post] = rows_of(lake, "silver/posts")
    for n, sentiment in enumerate(SENTIMENTS[1:]):
        polarity = {"positive": 0.5, "neutral": 0.0, "negative": -0.75}[sentiment]
        own = {"event_id": f"p{n}", "text": "good #rain" if n % 2 else "bad #sun", "post_id": f"p{n}"}
        append(lake, "silver/posts", [{**post, **own, "sentiment": sentiment, "polarity": polarity}])
    count_gold(lake)
    return lake


def expression(metric: str) -> tuple[str, str]:
    """The table of a metric, and the metric as SQL over it."""
    of = METRICS[metric]["type_params"]
    if METRICS[metric]["type"] == "simple":
        model, measure = MEASURES[of["measure"]["name"]]
        return sql_name(f"gold/{model}"), f"sum({measure})"
    (table, over), (other, under) = (expression(of[part]["name"]) for part in ("numerator", "denominator"))
    assert table == other, f"{metric} divides what lies in two tables"
    return table, f"cast({over} as double) / {under}"


def asked(lake: Path, metric: str) -> Any:
    """What `moodstream sql` says the metric is, over the whole lake."""
    table, sql = expression(metric)
    code, said = run(main, f"select {sql} as value from {table}", lake=lake)
    assert code == 0, said
    return said["rows"][0]["value"]


def shown(lake: Path) -> Mapping[str, float]:
    """The same metrics as the dashboard computes them from its frames."""
    gold = {table.name: Lake(str(lake)).rows(table.name) for table in catalog.GOLD}
    minutes, quality = gold["gold/sentiment_by_minute"], gold["gold/quality_by_minute"]
    net = change.net(minutes)
    return {
        "texts": net.texts,
        "net_sentiment": net.value,
        **{f"{name}_share": minutes[name].sum() / net.texts for name in ("negative", "neutral", "positive")},
        "mean_polarity": minutes["polarity_sum"].sum() / net.texts,
        "mean_confidence": minutes["confidence_sum"].sum() / net.texts,
        "topic_net_sentiment": change.net(gold["gold/sentiment_by_topic"]).value,
        "cohort_net_sentiment": change.net(gold["gold/sentiment_by_cohort"]).value,
        "interactions": gold["gold/engagement_by_minute"]["interactions"].sum(),
        "events": quality["events"].sum(),
        "rejected_share": quality[quality["entity"] == "rejected"]["events"].sum() / quality["events"].sum(),
        "late_share": quality["late"].sum() / quality["events"].sum(),
    }


def test_every_metric_is_what_the_dashboard_shows(lake: Path) -> None:
    wanted = shown(lake)
    assert {name: asked(lake, name) for name in wanted} == pytest.approx(wanted)
    assert wanted["net_sentiment"] == pytest.approx(0.5)
    assert wanted["rejected_share"] == pytest.approx(1 / 10)


def test_every_metric_is_compared_or_part_of_one_that_is(lake: Path) -> None:
    parts = {
        of[part]["name"]
        for of in (each["type_params"] for each in METRICS.values())
        for part in ("numerator", "denominator")
        if part in of
    }
    assert METRICS.keys() - shown(lake).keys() <= parts


def test_semantic_models_name_columns_of_gold() -> None:
    tables = {table.name: table for table in catalog.KEYED}
    for model in MODELS:
        table = tables[f"gold/{model['name']}"]
        columns = [each.get("expr", each["name"]) for each in model["dimensions"]]
        # All of the key, so that a metric can be asked by whatever the table distinguishes.
        assert set(columns) == set(table.key_names), model["name"]
