"""Gold worked out without Spark is gold as the aggregate hop works it out."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.corrections.contributions import TABLES, Sums
from streaming.tables import catalog, gold_sentiment_by_cohort
from streaming.tables.gold_contributions import collected
from tests.gold_rows import Batch, a_batch, a_silver_row, random_batches

TEXTS = [
    "Café #Tea, #TEA!! #日本 #c3po x#no &#39; #2026 don't https://t.co/Sunny @rain ДОБРЫЙ abc1 الخير it is",
    "नमस्ते #हिन्दी ΣΊΣΥΦΟΣ İstanbul #İstanbul straße #a_b_c ﬁne ǅ e\u0301tude\u200dx #x\u0301y #_ #__a",
    "#" + "y" * 120 + " " + "word " * 50 + " ".join(f"#t{n}" for n in range(20)),
    "www.spam.com/#no http://a.b #yes\nnew\tline\u00a0gap 👍🏽#emoji #👍 a\u0000b",
]
VALUES = ("events", "negative", "neutral", "positive", "late", "polarity_sum", "confidence_sum", "interactions")
VALUES += ("texts", "unscored")


def batch() -> Batch:
    (rows,) = random_batches(count=1, size=150, seed=5)
    odd = a_batch(*(("post", a_silver_row("post", 1000 + n, text=text)) for n, text in enumerate(TEXTS)))
    return {name: [*rows[name], *odd[name]] for name in rows}


def by_spark(spark: SparkSession, rows: Batch) -> dict[str, pa.Table]:
    frames = [
        contributed(spark.createDataFrame(rows[name], catalog.APPENDED[name]))
        for name, contributed in catalog.CONTRIBUTING.items()
    ]
    sums = collected(reduce(DataFrame.unionByName, frames))
    tables = {name: of_sums(sums) for name, of_sums in catalog.ROWS.items()}
    return tables | {gold_sentiment_by_cohort.NAME: gold_sentiment_by_cohort.rows(sums, {})}


def test_the_twins_agree(spark: SparkSession, empty_lake: Path) -> None:
    rows = batch()
    sums = Sums(lambda _: gold_sentiment_by_cohort.NO_COHORT)
    for name, own in rows.items():
        sums.add(name, pa.Table.from_pylist(own, to_arrow_schema(catalog.APPENDED[name])), 1)
    found, wanted = sums.rows(), by_spark(spark, rows)
    for name, table in TABLES.items():
        mine, theirs = (
            {tuple(row[key] for key in table.key_names): row for row in side[name].to_pylist()}
            for side in (found, wanted)
        )
        assert mine.keys() == theirs.keys(), name
        for key, row in mine.items():
            for value in (value for value in VALUES if value in row):
                assert row[value] == pytest.approx(theirs[key][value]), (name, key, value)


def test_what_comes_and_goes_leaves_nothing() -> None:
    sums = Sums(lambda _: gold_sentiment_by_cohort.NO_COHORT)
    rows = pa.Table.from_pylist([a_silver_row("post")], to_arrow_schema(catalog.APPENDED["silver/posts"]))
    sums.add("silver/posts", rows, 1)
    sums.add("silver/posts", rows, -1)
    assert sums.rows() == {}
