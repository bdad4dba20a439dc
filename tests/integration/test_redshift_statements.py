"""What is no load: Redshift's operations, questions, data sets and materialised view, through the same Data API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from harness.redshift_double.data_api import FakeDataApi, prepared
from streaming.errors import SinkUnavailable
from streaming.settings import Settings
from streaming.warehouse import corrections as operations
from streaming.warehouse import statements
from streaming.warehouse.redshift.data_api import DataApi
from tests.integration.conftest import Database, fresh
from tests.integration.test_redshift_loads import ADMIN, WHERE, granted, opened
from tests.warehouse_rows import NOON, a_comment, a_load, a_post, a_profile, an_interaction

SQL = Path(__file__).parents[2] / "sql"
NOW = datetime.now(UTC)
NAME = 'o\'neil "x"; --'
LEFT = """
select (select count(*) from dw.fact_post), (select count(*) from dw.fact_comment),
    (select count(*) from dw.fact_interaction), (select count(*) from dw.dim_user)
"""


@pytest.fixture(scope="module")
def template(server: Database, s3: Any) -> str:
    """The name of a database with the schema of Redshift's migrations."""
    server.run("create database redshift_statements")
    prepared(server.connect, server.password)
    granted(FakeDataApi(server.named("redshift_statements").connect, s3))
    opened(FakeDataApi(server.named("redshift_statements").connect, s3), s3).migrate()
    return "redshift_statements"


@pytest.fixture
def database(server: Database, template: str, s3: Any) -> Iterator[Database]:
    """A database with that schema, and rows of two people who write to each other."""
    for made in fresh(server, template):
        rows = a_load(
            [a_post(user_id=NAME, post_id="theirs"), a_post(user_id="bob", post_id="bob's")],
            [a_comment(user_id="bob", post_id="theirs", sentiment="negative", polarity=-0.5)],
            [an_interaction(user1_id=NAME), an_interaction(user2_id=NAME), an_interaction()],
            [a_profile(user_id=NAME), a_profile(user_id="bob")],
        )
        opened(FakeDataApi(made.connect, s3), s3).commit([rows])
        yield made


@pytest.fixture
def api(database: Database, s3: Any) -> FakeDataApi:
    return FakeDataApi(database.connect, s3)


@pytest.fixture
def settings(api: FakeDataApi, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(operations, "_data_api", lambda settings: DataApi(api, WHERE))
    return Settings(lake="unused", checkpoints="unused", stream="events", warehouse="redshift://moodstream/dev")


def test_an_erasure_takes_a_person_s_rows_and_nobody_else_s_and_may_be_repeated(
    settings: Settings, database: Database
) -> None:
    assert operations.rows_of(settings, NAME, NOW) == 4
    for _ in range(2):
        operations.erase(settings, NAME, NOW)
        assert operations.rows_of(settings, NAME, NOW) == 0
        assert database.rows(LEFT) == [(1, 1, 1, 1)]


def test_an_erasure_leaves_the_person_alone_whose_id_has_a_blank_more(
    settings: Settings, database: Database, api: FakeDataApi, s3: Any
) -> None:
    other = f"{NAME} "
    rows = [a_post(user_id=other)], [a_comment(user_id=other)], [an_interaction(user1_id=other)]
    opened(api, s3).commit([a_load(*rows, [a_profile(user_id=other)], batch=1)])
    operations.erase(settings, NAME, NOW)
    assert (operations.rows_of(settings, NAME, NOW), operations.rows_of(settings, other, NOW)) == (0, 4)
    assert database.rows(LEFT) == [(2, 2, 2, 2)]


def test_an_erasure_that_fails_at_any_statement_changes_nothing(
    settings: Settings, database: Database, api: FakeDataApi
) -> None:
    moments = [f"statement:{n}" for n in range(len(statements.statements("redshift", "operations/erase.sql")))]
    for moment in (*moments, "commit"):
        api.faults[moment] = RuntimeError("connection lost")
        with pytest.raises(SinkUnavailable):
            operations.erase(settings, NAME, NOW)
        assert database.rows(LEFT) == [(2, 1, 3, 2)], moment
    operations.erase(settings, NAME, NOW)
    assert operations.rows_of(settings, NAME, NOW) == 0


def test_what_arrived_later_stays_and_its_profile_is_the_current_one(
    settings: Settings, database: Database, api: FakeDataApi, s3: Any
) -> None:
    later, first = NOW + timedelta(hours=1), NOW - timedelta(days=1)
    profiles = [a_profile(user_id=NAME, arrival_time=later, event_time=first, user_location="Rome")]
    rows = a_load([a_post(user_id=NAME, arrival_time=later)], [], [], profiles, batch=1)
    opened(api, s3).commit([rows])
    operations.erase(settings, NAME, NOW)
    assert operations.rows_of(settings, NAME, NOW) == 0
    assert operations.rows_of(settings, NAME, later) == 2
    current = "select user_id, user_location, is_current, valid_from < '1901-01-01' from dw.dim_user order by user_id"
    assert (NAME, "Rome", True, True) in database.rows(current)


@pytest.mark.parametrize(
    "path", sorted((SQL / "warehouse").rglob("*.sql")), ids=lambda path: f"{path.parent.name}-{path.stem}"
)
def test_a_question_or_data_set_runs_in_redshift_s_spelling_on_redshift_s_schema(api: FakeDataApi, path: Path) -> None:
    [statement] = statements.split(path.read_text())
    DataApi(api, WHERE).rows(statement)


def test_the_materialised_view_takes_the_place_of_the_view_and_says_the_same(
    database: Database, api: FakeDataApi, s3: Any
) -> None:
    """PostgreSQL knows no AUTO REFRESH, so the test refreshes; the rest is the administrator's script as it is."""
    shown = "select * from dw.author_reaction order by author_id, post_id"
    before = database.rows(shown)
    text = (SQL / "redshift" / "admin" / "materialized_views.sql").read_text()
    assert text.count("\nauto refresh yes\n") == 1
    DataApi(api, ADMIN).run(statements.split(text.replace("\nauto refresh yes\n", "\n")))
    assert database.rows(shown) == before == [(NAME, "theirs", 1, 1, 0, -0.5)]
    opened(api, s3).commit([a_load(comments=[a_comment(post_id="bob's", polarity=1.0)], batch=1)])
    database.run("refresh materialized view dw.author_reaction_stored")
    assert [row[:3] for row in database.rows(shown)] == [("bob", "bob's", 1), (NAME, "theirs", 1)]


def test_accepted_scores_become_the_labels_of_the_facts(
    settings: Settings, database: Database, api: FakeDataApi, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "open_warehouse", lambda settings: opened(api, s3))
    [event] = database.rows("select event_id from dw.fact_comment")
    labels = {
        "event_id": [event, "none"],
        "sentiment": ["positive"] * 2,
        "polarity": [0.9] * 2,
        "confidence": [1.0] * 2,
        "language": ["en"] * 2,
        "unscored_reason": pa.nulls(2, pa.string()),
        "model_version": ["9"] * 2,
    }
    for _ in range(2):
        operations.relabel(settings, "comment", pa.table(labels))
    assert database.rows("select sentiment, polarity, model_version from dw.fact_comment") == [("positive", 0.9, "9")]
    assert database.rows("select distinct sentiment from dw.fact_post") == ["neutral"]


@pytest.mark.parametrize("kind", ["post", "comment", "interaction"])
def test_facts_of_retracted_events_go_once_and_the_ledger_says_since_when(
    settings: Settings, database: Database, api: FakeDataApi, s3: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(operations, "open_warehouse", lambda settings: opened(api, s3))
    before = database.rows(f"select event_id from dw.fact_{kind} order by 1")
    events = pa.table({"event_id": [before[0], "none"], "arrival_time": [NOON, NOON]})
    for _ in range(2):
        operations.retract(settings, kind, events, 7)
    assert database.rows(f"select event_id from dw.fact_{kind} order by 1") == before[1:]
    ledger = "select query, batch_id, rows, first_arrival from dw.load_ledger where query like 'retract/%'"
    assert [row[:3] for row in database.rows(ledger)] == [(f"retract/fact_{kind}", 7, 2)]
