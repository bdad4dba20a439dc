"""silver to gold on real Spark and Delta: sums, late and replayed batches, crashes between tables."""

from __future__ import annotations

from datetime import timedelta
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import DataFrame, SparkSession

from streaming.delta.merge import keyed_merge
from streaming.delta.tables import open_table, read
from streaming.hops import aggregate
from streaming.settings import Settings
from streaming.sinks.authors import Authors
from streaming.sinks.gold import Gold
from streaming.tables import catalog, gold_sentiment_by_cohort
from streaming.tables.gold_sums import collected, counted_columns, partial_sums
from streaming.tables.keyed_table import KeyedTable
from tests.builders import NOON
from tests.gold_rows import Batch, a_batch, a_silver_row, expected, random_batches

QUERY = "query-1"


@pytest.fixture
def settings(empty_lake: Path, tmp_path: Path) -> Settings:
    return Settings(
        lake=str(empty_lake), checkpoints=str(tmp_path / "checkpoints"), stream="events", aggregate_trigger=0.1
    )


def gold(settings: Settings) -> Gold:
    return aggregate.gold(settings)


def arrive(settings: Settings, batch: Batch, *names: str) -> None:
    for name in names or batch:
        silver = open_table(settings, name)
        rows = pa.Table.from_pylist(batch[name], pa.schema(silver.schema()))
        write_deltalake(silver, rows, mode="append")


def sums_of(spark: SparkSession, batch: Batch) -> pa.Table:
    frames = [
        counted_columns(entity, spark.createDataFrame(rows, table.schema))
        for entity, table in catalog.SILVER.items()
        if (rows := batch[table.name])
    ]
    return collected(partial_sums(reduce(DataFrame.unionByName, frames)))


def rows_of(settings: Settings, table: KeyedTable) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = read(open_table(settings, table.name)).to_pylist()
    by_key = {tuple(row[name] for name in table.key_names): row for row in rows}
    assert len(by_key) == len(rows), f"{table.name} holds a key twice"
    return by_key


def assert_gold_is(settings: Settings, want: dict[str, dict[tuple[Any, ...], dict[str, Any]]]) -> None:
    for table in catalog.GOLD:
        if table.name not in want:
            continue
        have, wanted = rows_of(settings, table), want[table.name]
        assert have.keys() == wanted.keys(), table.name
        for key, row in have.items():
            for name, _ in table.values:
                value = wanted[key][name]
                assert row[name] == (pytest.approx(value) if isinstance(value, float) else value), (
                    table.name,
                    key,
                    name,
                )
            time = row[table.time]
            assert (row["year"], row["month"], row["day"]) == (time.year, time.month, time.day)


def test_gold_is_what_plain_python_makes_of_late_unordered_and_replayed_batches(
    spark: SparkSession, settings: Settings
) -> None:
    batches = random_batches(count=3, size=60)
    sink = gold(settings)
    for number, batch in enumerate(batches):
        sums = sums_of(spark, batch)
        arrive(settings, batch, "silver/user_changes")
        sink.write(sums, number, QUERY)
        sink.write(sums, number, QUERY)
        gold(settings).write(sums, number, QUERY)
    assert_gold_is(settings, expected(batches))


class Dies:
    """A table whose process is killed before it takes its rows."""

    def apply(self, rows: pa.Table, batch: int) -> bool:
        raise RuntimeError("killed")


@pytest.mark.parametrize("killed_at", [table.name for table in catalog.GOLD])
def test_a_batch_that_was_cut_off_at_any_table_is_completed_and_doubles_nothing(
    spark: SparkSession, settings: Settings, killed_at: str, two_batches: tuple[list[Batch], list[pa.Table]]
) -> None:
    batches, sums = two_batches
    arrive(settings, batches[0], "silver/user_changes")
    gold(settings).write(sums[0], 0, QUERY)
    arrive(settings, batches[1], "silver/user_changes")
    real = partial(keyed_merge, settings)
    dying = Gold(lambda table, query: Dies() if table.name == killed_at else real(table, query), Authors(settings))
    with pytest.raises(RuntimeError, match="killed"):
        dying.write(sums[1], 1, QUERY)
    gold(settings).write(sums[1], 1, QUERY)
    assert_gold_is(settings, expected(batches))


@pytest.fixture(scope="module")
def two_batches(spark: SparkSession) -> tuple[list[Batch], list[pa.Table]]:
    batches = random_batches(count=2, size=40, seed=2)
    return batches, [sums_of(spark, batch) for batch in batches]


def test_a_lost_checkpoint_counts_everything_anew_instead_of_twice(
    settings: Settings, two_batches: tuple[list[Batch], list[pa.Table]]
) -> None:
    batches, sums = two_batches
    for query in (QUERY, "query-2"):
        sink = gold(settings)
        for number, batch_sums in enumerate(sums):
            sink.write(batch_sums, number, query)
    wanted = expected(batches)
    # What was not known of an author when the event was counted first is known now.
    by_cohort = rows_of(settings, gold_sentiment_by_cohort.TABLE).values()
    assert sum(row["events"] for row in by_cohort) == sum(
        row["events"] for row in wanted.pop("gold/sentiment_by_cohort").values()
    )
    assert_gold_is(settings, wanted)


def test_freshness_tells_how_old_the_events_were_when_they_were_served(spark: SparkSession, settings: Settings) -> None:
    late = {"arrival_time": NOON - timedelta(seconds=10)}
    rows = [("post", a_silver_row("post", n, event_time=NOON, **(late if n == 0 else {}))) for n in range(10)]
    gold(settings).write(sums_of(spark, a_batch(*rows)), 7, QUERY)
    (row,) = read(open_table(settings, "gold/freshness")).to_pylist()
    first, last = NOON - timedelta(seconds=10), NOON + timedelta(seconds=2)
    assert (row["batch_id"], row["events"], row["first_arrival"], row["last_arrival"]) == (7, 10, first, last)
    assert row["lag_p50_s"] == pytest.approx((row["committed_at"] - last).total_seconds())
    assert row["lag_p95_s"] == pytest.approx((row["committed_at"] - first).total_seconds())


def test_texts_of_any_script_count_for_their_hashtags_and_terms(spark: SparkSession, settings: Settings) -> None:
    text = "Café #Tea, #TEA!! #日本 #c3po x#no &#39; #2026 don't https://t.co/Sunny @rain ДОБРЫЙ abc1 الخير it is"
    gold(settings).write(sums_of(spark, a_batch(("post", a_silver_row("post", text=text)))), 0, QUERY)
    topics = {row["topic"] for row in read(open_table(settings, "gold/sentiment_by_topic")).to_pylist()}
    terms = {row["term"] for row in read(open_table(settings, "gold/terms_by_hour")).to_pylist()}
    assert topics == {"tea", "日本", "c3po"}
    assert terms == {"café", "tea", "добрый", "الخير"}


def test_rows_with_holes_count_as_unknown_and_stop_nothing(spark: SparkSession, settings: Settings) -> None:
    empty = {"text": None, "sentiment": None, "polarity": float("nan"), "confidence": None, "model_version": None}
    empty |= {"language": None}
    rows = [
        ("comment", a_silver_row("comment", 1, user_id=None, **empty)),
        ("comment", a_silver_row("comment", 4, user_id=None, **{**empty, "sentiment": "neutral"})),
        ("interaction", a_silver_row("interaction", 2, action=None)),
        ("rejected", a_silver_row("rejected", 3, event_time=None, reason=None)),
    ]
    gold(settings).write(sums_of(spark, a_batch(*rows)), 0, QUERY)
    (texts,) = read(open_table(settings, "gold/language_by_hour")).to_pylist()
    assert (texts["language"], texts["texts"], texts["unscored"]) == ("unknown", 2, 1)
    (model,) = read(open_table(settings, "gold/sentiment_by_model")).to_pylist()
    assert (model["model_version"], model["events"], model["polarity_mean"]) == ("unknown", 1, 0.0)
    (cohort,) = read(open_table(settings, "gold/sentiment_by_cohort")).to_pylist()
    assert (cohort["location"], cohort["age_band"]) == ("unknown", "unknown")
    (action,) = read(open_table(settings, "gold/engagement_by_minute")).to_pylist()
    assert action["action"] == "unknown"
    reasons = {row["entity"]: row["reason"] for row in read(open_table(settings, "gold/quality_by_minute")).to_pylist()}
    assert reasons == {"comment": "", "interaction": "", "rejected": "unknown"}


def test_the_hop_goes_on_where_it_stopped(spark: SparkSession, settings: Settings) -> None:
    batches = random_batches(count=2, size=40, seed=3)
    for batch in batches:
        arrive(settings, batch)
        query = aggregate.start(spark, settings)
        query.processAllAvailable()
        query.stop()
    assert_gold_is(settings, expected(batches))


def test_spark_reads_what_delta_rs_wrote(spark: SparkSession, settings: Settings) -> None:
    gold(settings).write(sums_of(spark, a_batch(("post", a_silver_row("post")))), 0, QUERY)
    (row,) = spark.read.format("delta").load(settings.table("gold/sentiment_by_minute")).collect()
    assert (row.entity, row.events, row.polarity_mean, row.year) == ("post", 1, 0.5, 2026)
    assert row.minute.astimezone(NOON.tzinfo) == NOON


def test_a_table_that_another_program_changed_takes_the_next_batch_all_the_same(
    spark: SparkSession, settings: Settings
) -> None:
    sums = sums_of(spark, a_batch(("post", a_silver_row("post"))))
    sink = gold(settings)
    sink.write(sums, 0, QUERY)
    spark.sql(f"DELETE FROM delta.`{settings.table('gold/sentiment_by_minute')}`")
    sink.write(sums, 1, QUERY)
    (row,) = read(open_table(settings, "gold/sentiment_by_minute")).to_pylist()
    assert row["events"] == 1
