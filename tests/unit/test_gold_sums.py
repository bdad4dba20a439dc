"""What rows of silver add to gold, worked out without Spark, against a second account in plain Python."""

from __future__ import annotations

import random
import sys
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
import regex
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.corrections.contributions import TABLES, Sums
from streaming.tables import catalog
from streaming.tables.gold_contributions import counted, summed
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort
from streaming.tables.gold_sentiment_by_topic import topics
from streaming.tables.gold_sums import ENTITY, sums_of, sums_of_batches
from streaming.tables.gold_terms_by_hour import terms
from streaming.tables.lower_case import known_letters
from tests.builders import NOON
from tests.gold_rows import Batch, a_batch, a_silver_row, expected, random_batches

Rows = dict[tuple[Any, ...], dict[str, Any]]


def arrow(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, to_arrow_schema(catalog.APPENDED[name]))


def nobody(_: object) -> Cohort:
    return NO_COHORT


def gold_of(sums: Sums) -> dict[str, Rows]:
    return {
        name: {tuple(row[key] for key in TABLES[name].key_names): row for row in rows.to_pylist()}
        for name, rows in sums.rows().items()
    }


def counted_in(batch: Batch) -> Sums:
    sums = Sums(nobody)
    for name, rows in batch.items():
        sums.add(name, arrow(name, rows), 1)
    return sums


def test_each_event_counts_in_each_table_as_plain_python_counts_it() -> None:
    (batch,) = random_batches(count=1, size=200, seed=5)
    found, wanted = gold_of(counted_in(batch)), expected([batch])
    for name in TABLES.keys() - {"gold/sentiment_by_cohort"}:
        assert found[name].keys() == wanted[name].keys(), name
        for key, row in found[name].items():
            for value, _ in TABLES[name].values:
                assert row[value] == pytest.approx(wanted[name][key][value]), (name, key, value)


def test_sums_of_parts_are_sums_of_the_whole() -> None:
    (batch,) = random_batches(count=1, size=200, seed=6)
    rows = {entity: counted(arrow(table.name, batch[table.name])) for entity, table in catalog.SILVER.items()}
    marked = [own.append_column(ENTITY, pa.repeat(entity, own.num_rows)) for entity, own in rows.items()]
    whole = summed([sums_of(entity, own) for entity, own in rows.items()])
    # Batches of seven rows, most of them with rows of two entities.
    batches = pa.concat_tables(marked).combine_chunks().to_batches(max_chunksize=7)
    assert_alike(whole, [part for each in batches for part in sums_of_batches([each])])
    # And added up on the way, again and again.
    assert_alike(whole, sums_of_batches(batches, at_once=5))


def assert_alike(whole: pa.Table, parts: Iterable[pa.RecordBatch]) -> None:
    together = summed([pa.Table.from_batches([part]) for part in parts])
    order = [(name, "ascending") for name in ("table", "time", "key1", "key2")]
    for one, other in zip(whole.sort_by(order).to_pylist(), together.sort_by(order).to_pylist(), strict=True):
        assert one == pytest.approx(other)


def test_a_task_without_rows_adds_nothing() -> None:
    assert [part.num_rows for part in sums_of_batches([])] in ([], [0])


def test_what_comes_and_goes_leaves_nothing() -> None:
    sums = Sums(nobody)
    rng = random.Random(1)
    rows = arrow("silver/posts", [a_silver_row("post", number, polarity=rng.random()) for number in range(5000)])
    sums.add("silver/posts", rows, 1)
    sums.add("silver/posts", rows, -1)
    assert sums.rows() == {}


def test_rows_without_a_column_that_gold_counts_are_refused() -> None:
    rows = arrow("silver/posts", [a_silver_row("post")]).drop_columns(["sentiment"])
    with pytest.raises(KeyError, match="sentiment"):
        Sums(nobody).add("silver/posts", rows, 1)


def test_a_row_that_is_scored_anew_moves_between_sentiments_and_stays_one_text() -> None:
    sums = Sums(nobody)
    sums.add("silver/posts", arrow("silver/posts", [a_silver_row("post", polarity=0.5)]), -1)
    sums.add("silver/posts", arrow("silver/posts", [a_silver_row("post", sentiment="negative", polarity=-0.5)]), 1)
    found = gold_of(sums)
    assert found.keys() == {f"gold/sentiment_by_{name}" for name in ("minute", "model", "cohort")} | {
        "gold/terms_by_hour"
    }
    (row,) = found["gold/sentiment_by_minute"].values()
    assert [row[name] for name in ("events", "negative", "positive", "polarity_sum")] == [0, 1, -1, -1.0]


def test_each_row_counts_in_its_own_cohort_though_the_author_is_the_same() -> None:
    def by_time(row: dict[str, Any]) -> Cohort:
        return ("Oslo" if row["event_time"] == NOON else "Rome", "18-24")

    sums = Sums(by_time)
    rows = [a_silver_row("post", number, event_time=NOON + timedelta(minutes=number // 2)) for number in range(5)]
    sums.add("silver/posts", arrow("silver/posts", rows[:3]), 1)
    sums.add("silver/posts", arrow("silver/posts", rows[3:]), 1)
    found = gold_of(sums)["gold/sentiment_by_cohort"]
    assert {place: row["events"] for (_, place, _), row in found.items()} == {"Oslo": 2, "Rome": 3}


def test_a_row_without_a_time_counts_where_no_time_is_needed() -> None:
    rows = a_batch(("rejected", a_silver_row("rejected", event_time=None, reason=None)))
    found = gold_of(counted_in(rows))
    assert list(found) == ["gold/quality_by_minute"]
    ((_, entity, reason),) = found["gold/quality_by_minute"]
    assert (entity, reason) == ("rejected", "unknown")


@pytest.mark.parametrize(
    ("text", "tags", "words"),
    [
        (
            "Café #Tea, #TEA!! #日本 #c3po x#no &#39; #2026 don't https://t.co/Sunny @rain ДОБРЫЙ abc1 الخير it is",
            ["tea", "日本", "c3po"],
            ["café", "tea", "добрый", "الخير"],
        ),
        (
            "#" + "y" * 120 + " " + "word " * 50 + " ".join(f"#t{n}" for n in range(20)),
            [f"t{n}" for n in range(10)],
            ["word"],
        ),
        (
            "www.spam.com/#no http://a.b #yes\nnew\tline\u00a0gap 👍🏽#emoji #👍 a\u0000b",
            ["no", "yes", "emoji"],
            ["new", "line", "gap", "emoji"],
        ),
        # A letter that Unicode has since version 14 ends a word, as it did when gold was first counted.
        ("#a\u0870b wor\u0870ds", ["a"], ["wor"]),
        ("ΣΊΣΥΦΟΣ #ΟΔΟΣ", ["οδος"], ["σίσυφος", "οδος"]),
        ("", [], []),
    ],
)
def test_hashtags_and_words_are_found_in_any_script(text: str, tags: list[str], words: list[str]) -> None:
    assert (topics(text), terms(text)) == (tags, words)


def test_a_newer_list_of_letters_changes_no_count() -> None:
    """`regex` brings a Unicode of its own, which a new release of it may replace."""
    characters = "".join(chr(code) for code in range(sys.maxunicode + 1))
    letters = regex.findall(r"\w", characters)
    later = "".join(each for each in letters if unicodedata.category(each) == "Cn")
    assert set(known_letters(later)) <= {"\ufffd"}
