"""The nine questions: literal answers, and the same answers from PostgreSQL, from Delta, and from plain Python."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from deltalake import DeltaTable, write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from deploy.infra.visuals import DataSet, data_sets
from streaming.delta.merge import created
from streaming.delta.tables import read
from streaming.settings import Settings
from streaming.tables import catalog, gold_freshness
from streaming.tables.keyed_table import KeyedTable
from streaming.warehouse.base import Load
from streaming.warehouse.facts import TARGETS
from streaming.warehouse.serving import Server
from tests import question_answers
from tests.builders import NOON
from tests.gold_rows import Batch, a_batch, a_silver_row, expected, random_batches
from tests.integration.conftest import Database
from tests.question_answers import RECOMPUTED, Answer

SQL = Path(__file__).parents[2] / "sql"
VIEWS_FILES = sorted((SQL / "athena" / "views").glob("*.sql"))
QUESTIONS = sorted(path.stem for path in (SQL / "athena" / "questions").glob("*.sql"))


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@dataclass(frozen=True)
class Lake:
    """Silver and gold made of literal rows, as Delta tables and in the warehouse."""

    settings: Settings
    database: Database

    def warehouse(self, question: str) -> Answer:
        """The warehouse's answer."""
        text = (SQL / "warehouse" / "questions" / f"{question}.sql").read_text()
        return [tuple(map(plain, row)) for row in self.database.rows(text)]

    def athena(self, question: str) -> Answer:
        """The answer of an embedded engine that reads the Delta tables."""
        return self.asked((SQL / "athena" / "questions" / f"{question}.sql").read_text())

    def asked(self, query: str, *views: Path) -> Answer:
        """The answer to any of Athena's queries by the same engine, after making some views."""
        scripts = [*(path.read_text() for path in views), query]
        *before, last = (sqlglot.transpile(text, read="athena", write="duckdb")[0] for text in scripts)
        with duckdb.connect() as engine:
            for path in Path(self.settings.lake).glob("*/*/_delta_log"):
                table = path.parent
                engine.register(f"{table.parent.name}_{table.name}", without_zone(read(DeltaTable(str(table)))))
            for statement in before:
                engine.execute(statement)
            return [tuple(map(plain, row)) for row in engine.execute(last).fetchall()]


def without_zone(rows: pa.Table) -> pa.Table:
    """Times as UTC without a zone: DuckDB's wheel has no calendar for the other kind."""
    kinds = {field.name: field.type for field in rows.schema}
    times = {name: pa.timestamp("us") for name, kind in kinds.items() if pa.types.is_timestamp(kind)}
    return rows.cast(pa.schema(list((kinds | times).items())))


def plain(value: Any) -> Any:
    """Numbers as floats with 9 places, times in UTC: what the engines' types have in common."""
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return round(float(value), 9) if isinstance(value, int | float | Decimal) else value


@pytest.fixture
def lake(tmp_path: Path, database: Database) -> Callable[[list[Batch]], Lake]:
    settings = Settings(lake=str(tmp_path / "lake"), checkpoints=str(tmp_path), stream="events")

    def made(batches: list[Batch]) -> Lake:
        for name, schema in catalog.APPENDED.items():
            if name.startswith("silver/"):
                rows = pa.Table.from_pylist([row for batch in batches for row in batch[name]], to_arrow_schema(schema))
                write_deltalake(settings.table(name), rows)
        gold = expected(batches)
        for table in catalog.KEYED:
            rows = [freshness()] if table is gold_freshness.TABLE else keyed(table, gold[table.name])
            write_deltalake(created(table, settings.table(table.name), {}), filled(table, rows), mode="append")
        warehouse = database.warehouse()
        loads = {
            target: read(DeltaTable(settings.table(name)), list(warehouse.columns(target)))
            for target, name in TARGETS.items()
        }
        warehouse.commit([Load("load", 0, loads, NOON)])
        Server(settings, warehouse)()
        warehouse.close()
        return Lake(settings, database)

    return made


def freshness() -> dict[str, Any]:
    times = {"first_arrival": at(0), "last_arrival": at(59), "committed_at": at(59) + timedelta(seconds=4)}
    return {"batch_id": 1, "events": 9, "lag_p50_s": 2.0, "lag_p95_s": 4.0, **times}


def keyed(table: KeyedTable, rows: Any) -> list[dict[str, Any]]:
    return [dict(zip(table.key_names, key, strict=True)) | dict(values) for key, values in rows.items()]


def filled(table: KeyedTable, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([*table.key, *table.values])
    columns = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)
    return table.rows({name: columns[name] for name in schema.names})


def a_day() -> list[Batch]:
    """Two authors, two hours: a good mood that turns when it rains."""

    def wrote(entity: str, number: int, minute: float, user: str, text: str, polarity: float, **more: Any) -> Any:
        label = "negative" if polarity < 0 else "positive" if polarity > 0 else "neutral"
        row = a_silver_row(entity, number, event_time=at(minute), arrival_time=at(minute), user_id=user, text=text)
        return entity, row | {"polarity": polarity, "sentiment": label, "confidence": 0.75} | more

    return [
        a_batch(
            ("user", a_silver_row("user", 1, event_time=at(-60), user_id="ann", user_name="Ann", user_location="Rome")),
            wrote("post", 2, -50, "ann", "sunny #tea", 0.8, post_id="p1"),
            wrote("post", 3, 10, "ann", "storm #rain", -0.6, post_id="p2", model_version="2"),
            wrote("comment", 4, 20, "bob", "sunny", 0.4, post_id="p1"),
            wrote("comment", 5, 30, "bob", "storm", -1.0, post_id="p2"),
            wrote("comment", 6, 40, "bob", "storm", 0.0, post_id="p2"),
            ("interaction", a_silver_row("interaction", 7, event_time=at(5), arrival_time=at(16), action="like")),
            ("interaction", a_silver_row("interaction", 8, event_time=at(6), arrival_time=at(6), action="share")),
            ("rejected", a_silver_row("rejected", 9, event_time=None, arrival_time=at(50), reason="not_json")),
        )
    ]


HOUR_BEFORE, THIS_HOUR = at(-60), at(0)
ANSWERS: dict[str, Answer] = {
    "01_sentiment_over_time": [
        (HOUR_BEFORE, "post", "", 1, 0.8, 1, 0),
        (HOUR_BEFORE, "post", "tea", 1, 0.8, 1, 0),
        (THIS_HOUR, "comment", "", 3, -0.2, 1 / 3, 1 / 3),
        (THIS_HOUR, "post", "", 1, -0.6, 0, 1),
        (THIS_HOUR, "post", "rain", 1, -0.6, 0, 1),
    ],
    "02_what_turned_sentiment": [
        ("cohort", 1, "Rome, 35-44", 1, 1, -0.95),
        ("cohort", 2, "unknown, unknown", 3, 0, -0.15),
        ("term", 1, "tea", 0, 1, -0.8),
        ("term", 2, "sunny", 1, 1, -0.7),
        ("term", 3, "storm", 3, 0, -0.4),
        ("term", 4, "rain", 1, 0, -0.15),
        ("topic", 1, "tea", 0, 1, -0.8),
        ("topic", 2, "rain", 1, 0, -0.15),
    ],
    "03_posts_that_drive_reaction": [("ann", 1, "p2", 2, -0.5, 1 / 1.4), ("ann", 2, "p1", 1, 0.4, 0.4 / 1.4)],
    "04_sentiment_by_cohort": [
        ("unknown", "unknown", 3, -0.2, 0.75, 1 / 3, 1.96 * (2 / 27) ** 0.5),
        ("Rome", "35-44", 2, 0.1, 0.75, 0.5, 1.96 * 0.125**0.5),
    ],
    "05_engagement_and_sentiment": [(HOUR_BEFORE, 1, 0.8, 0, 0, 0, 0), (THIS_HOUR, 4, -0.3, 1, 0, 1, 0.5)],
    "06_loudest_users": [("bob", None, 3, 1 / 3, 1 / 3, 1 / 3), ("ann", "Ann", 2, 0.5, 0, 0.5)],
    "07_rejected_and_late": [
        (THIS_HOUR, "interaction", "", 2, 1, 2 / 7),
        (THIS_HOUR, "rejected", "not_json", 1, 0, 1 / 7),
    ],
    "08_model_versions": [
        ("1", HOUR_BEFORE, THIS_HOUR, 4, 0.05, 0.75, 0.25, 0.25, 0.5),
        ("2", THIS_HOUR, THIS_HOUR, 1, -0.6, 0.75, 1, 0, 0),
    ],
}


def test_a_day_of_literal_rows_gives_these_answers_in_the_warehouse_and_on_delta(
    lake: Callable[[list[Batch]], Lake],
) -> None:
    day = lake(a_day())
    for question, answer in ANSWERS.items():
        answered = [tuple(map(plain, row)) for row in answer]
        assert day.warehouse(question) == answered, f"{question} in the warehouse"
        assert day.athena(question) == answered, f"{question} on Delta"


def test_freshness_tells_how_far_each_layer_has_come(lake: Callable[[list[Batch]], Lake]) -> None:
    day = lake(a_day())
    assert day.athena("09_freshness") == [
        ("gold", at(59), at(59) + timedelta(seconds=4), 4.0),
        ("silver", at(40), None, None),
    ]
    layers = {row[0]: row[1:] for row in day.warehouse("09_freshness")}
    assert layers["gold"] == (at(59), at(59) + timedelta(seconds=4), 4.0)
    assert layers["warehouse facts"][0] == at(40)
    assert set(layers) == {"gold", "warehouse aggregates", "warehouse facts"}


def test_every_question_is_asked_of_both_and_answered_above() -> None:
    assert sorted(path.stem for path in (SQL / "warehouse" / "questions").glob("*.sql")) == QUESTIONS
    assert {*ANSWERS, "09_freshness"} == set(QUESTIONS)


@pytest.mark.parametrize("given", data_sets(), ids=lambda given: given.name)
def test_a_data_set_of_the_dashboards_has_the_columns_that_are_declared(given: DataSet, database: Database) -> None:
    """Asked the way QuickSight asks: with the query inside brackets."""
    with database.connect() as connection:
        cursor = connection.execute(f"select * from ({given.sql}) as data_set".encode())
        found = {column.name: KINDS[column.type_code] for column in cursor.description or ()}
    assert len(found) == len(cursor.description or ())
    assert list(found) == list(given.columns)
    assert found == {name: {"INTEGER": "DECIMAL"}.get(kind, kind) for name, kind in given.columns.items()}


# PostgreSQL's types as QuickSight sees them; whole numbers and others are one kind here.
KINDS = {
    **dict.fromkeys((20, 21, 23, 701, 1700), "DECIMAL"),
    **dict.fromkeys((1082, 1114, 1184), "DATETIME"),
    16: "BOOLEAN",
    25: "STRING",
    1043: "STRING",
}


def test_every_data_set_of_the_dashboards_has_rows(lake: Callable[[list[Batch]], Lake]) -> None:
    day = lake(a_day())
    assert [given.name for given in data_sets() if not day.database.rows(given.sql)] == []


def test_the_recomputation_gives_the_literal_answers_too() -> None:
    for question, answer in ANSWERS.items():
        assert rounded(RECOMPUTED[question](a_day())) == rounded(answer), question


def test_warehouse_delta_and_a_recomputation_from_the_events_agree(lake: Callable[[list[Batch]], Lake]) -> None:
    batches = connected(random_batches(3, 400))
    made = lake(batches)
    for question, recomputed in RECOMPUTED.items():
        answer = rounded(recomputed(batches))
        assert answer, question
        assert made.warehouse(question) == answer, f"{question} in the warehouse"
        assert made.athena(question) == answer, f"{question} on Delta"
    assert made.athena("09_freshness") == rounded(question_answers.freshness(batches, freshness()))
    layers = {layer: values for layer, *values in made.warehouse("09_freshness")}
    accepted = [name for name in question_answers.ENTITIES if name not in ("silver/rejected", "silver/deletions")]
    latest = max(row["arrival_time"] for row in question_answers.all_rows(batches, *accepted))
    assert layers["gold"] == layers_of(freshness())
    assert layers["warehouse facts"][0] == latest


def layers_of(gold: dict[str, Any]) -> list[Any]:
    """What question 9 says of gold's one commit."""
    lag = (gold["committed_at"] - gold["last_arrival"]).total_seconds()
    return [gold["last_arrival"], gold["committed_at"], lag]


def rounded(answer: Answer) -> Answer:
    """An answer as `Lake` gives it."""
    return [tuple(map(plain, row)) for row in answer]


def connected(batches: list[Batch]) -> list[Batch]:
    """Each post with an id of its own, each comment on one of them."""
    rng = random.Random(2)
    posts = [row for batch in batches for row in batch["silver/posts"]]
    for number, post in enumerate(posts):
        post["post_id"] = f"p{number}"
    for batch in batches:
        for comment in batch["silver/comments"]:
            comment["post_id"] = rng.choice(posts)["post_id"]
    return batches


VIEWS: dict[str, Answer] = {
    "select entity, event_id, sentiment from reaction order by event_id": [
        ("post", "e2", "positive"),
        ("post", "e3", "negative"),
        ("comment", "e4", "positive"),
        ("comment", "e5", "negative"),
        ("comment", "e6", "neutral"),
    ],
    "select * from author_reaction order by post_id": [("ann", "p1", 1, 0, 1, 0.4), ("ann", "p2", 2, 1, 0, -1.0)],
    "select * from layer_freshness": [("gold", at(59), at(59) + timedelta(seconds=4), 4.0)],
    "select * from row_counts order by table_name": [
        ("silver_comments", 3),
        ("silver_interactions", 2),
        ("silver_posts", 2),
        ("silver_rejected", 1),
        ("silver_users", 1),
    ],
}


def test_athena_s_views_answer_over_delta_with_literal_rows(lake: Callable[[list[Batch]], Lake]) -> None:
    day = lake(a_day())
    assert {query.split(" from ")[1].split()[0] for query in VIEWS} == {path.stem for path in VIEWS_FILES}
    for query, answer in VIEWS.items():
        assert day.asked(query, *VIEWS_FILES) == rounded(answer), query


@pytest.mark.parametrize("view", ["reaction", "author_reaction"])
def test_a_view_of_athena_agrees_with_the_warehouse_s_of_the_same_name(
    lake: Callable[[list[Batch]], Lake], view: str
) -> None:
    made = lake(connected(random_batches(2, 200)))
    columns = {
        "reaction": "event_id, entity, post_id, user_id, sentiment, polarity",
        "author_reaction": "author_id, post_id, comments, negative, positive, polarity_sum",
    }[view]
    query = f"select {columns} from {{}}{view} order by 1, 2"
    stored = made.database.rows(query.format("dw."))
    assert made.asked(query.format(""), *VIEWS_FILES) == rounded(stored)
    assert stored
