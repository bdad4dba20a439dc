"""Loads into a real PostgreSQL: complete, once, and all or nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import psycopg
import pyarrow as pa
import pytest

from streaming.errors import LeaseLost, PermanentFailure, RowsRefused, SinkUnavailable
from streaming.fencing import Token
from streaming.warehouse import statements
from streaming.warehouse.base import HopToken, Load
from streaming.warehouse.postgres import PostgresWarehouse
from tests.integration.conftest import Database
from tests.warehouse_rows import NOON, a_comment, a_load, a_post, a_profile, an_interaction, minutes, table

COUNTS = """
select (select count(*) from dw.fact_post), (select count(*) from dw.fact_comment),
    (select count(*) from dw.fact_interaction), (select count(*) from dw.dim_user),
    (select count(*) from dw.load_ledger)
"""


def test_a_load_brings_its_rows_and_one_ledger_row(database: Database) -> None:
    load = a_load([a_post(event_time=minutes(1)), a_post()], [a_comment(event_time=minutes(3))], [an_interaction()])
    assert database.warehouse().commit([load]) == 1
    assert database.rows(COUNTS) == [(2, 1, 1, 0, 1)]
    ledger = database.rows("select query, batch_id, rows, first_arrival, last_arrival, started_at from dw.load_ledger")
    assert ledger == [("load", 0, 4, NOON, minutes(3), NOON)]


def test_the_ledger_tells_when_the_load_was_committed_by_the_warehouse_s_clock(database: Database) -> None:
    database.warehouse().commit([a_load([a_post()])])
    [committed_at] = database.rows("select committed_at from dw.load_ledger")
    assert abs((datetime.now(UTC) - committed_at).total_seconds()) < 60


def test_a_batch_that_is_replayed_counts_once(database: Database) -> None:
    load = a_load([a_post()], profiles=[a_profile()])
    assert [database.warehouse().commit([load]) for _ in range(3)] == [1, 0, 0]
    assert database.rows(COUNTS) == [(1, 0, 0, 1, 1)]


def test_a_batch_before_the_last_one_is_a_replay_too(database: Database) -> None:
    batches = [a_load([a_post()], batch=batch) for batch in range(3)]
    assert [database.warehouse().commit([batches[number]]) for number in (0, 2, 1)] == [1, 1, 0]
    assert database.rows(COUNTS) == [(2, 0, 0, 0, 2)]


def test_a_job_that_lost_its_checkpoint_reads_again_and_doubles_nothing(database: Database) -> None:
    posts, profiles = [a_post(), a_post()], [a_profile()]
    database.warehouse().commit([a_load(posts, profiles=profiles, query="before")])
    database.warehouse().commit([a_load([*posts, a_post()], profiles=profiles, query="after")])
    assert database.rows(COUNTS) == [(3, 0, 0, 1, 2)]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("with \0 NUL \0", "with  NUL "),
        ("", ""),
        ('"quoted", and\nbroken\r\n\tlines', '"quoted", and\nbroken\r\n\tlines'),
        (r"\N \. \\", r"\N \. \\"),
        ("😀 مرحبا e\u0301 \u202e", "😀 مرحبا e\u0301 \u202e"),
        ("x" * 10_000, "x" * 10_000),
    ],
)
def test_any_text_arrives_as_it_was_written(database: Database, text: str, stored: str) -> None:
    database.warehouse().commit([a_load([a_post(text=text)])])
    assert database.rows("select text from dw.fact_post") == [stored]


def test_what_is_missing_is_null(database: Database) -> None:
    database.warehouse().commit([a_load([a_post(sentiment=None, polarity=None)], interactions=[an_interaction()])])
    assert database.rows("select sentiment, polarity from dw.fact_post") == [(None, None)]
    assert database.rows("select post_id from dw.fact_interaction") == [None]


def test_rows_in_several_chunks_one_of_them_empty_arrive_whole(database: Database) -> None:
    posts = table("fact_post", [a_post(text=f"number {n}") for n in range(1000)])
    chunks = pa.concat_tables([posts.slice(0, 0), posts.slice(0, 400), posts.slice(400)])
    database.warehouse().commit([Load("load", 0, {"fact_post": chunks}, NOON)])
    assert database.rows("select count(distinct text) from dw.fact_post where text like 'number%'") == [1000]


def test_facts_join_the_calendar_in_utc(database: Database) -> None:
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    database.warehouse().commit([a_load([a_post(event_time=late)])])
    joined = """
    select dim_date.date, dim_date.iso_week, dim_date.day_name, dim_time.label, dim_time.part_of_day
    from dw.fact_post join dw.dim_date using (date_key) join dw.dim_time using (time_key)
    """
    assert database.rows(joined) == [(late.date(), 53, "Thursday", "23:59", "evening")]


def test_a_load_that_fails_half_way_leaves_nothing_behind(database: Database) -> None:
    warehouse = database.warehouse()
    broken = a_load([a_post()], [a_comment(text=None)])
    with pytest.raises(RowsRefused, match="null value in column"):
        warehouse.commit([broken])
    assert database.rows(COUNTS) == [(0, 0, 0, 0, 0)]
    assert warehouse.commit([a_load([a_post()])]) == 1


FAULTS = {
    "lost connection": "perform pg_terminate_backend(pg_backend_pid());",
    "time-out": "raise exception 'too slow' using errcode = '57014';",
    "deadlock": "raise exception 'deadlock' using errcode = '40P01';",
    "too little memory": "raise exception 'no memory' using errcode = '53200';",
}
STEPS = [
    *(("insert", name) for name in ("load_ledger", "fact_post", "fact_comment", "fact_interaction", "dim_user")),
    ("update", "dim_user"),
    ("update", "load_ledger"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_any_step_leaves_nothing_and_the_repeated_load_is_complete(database: Database, fault: str) -> None:
    load = a_load([a_post(), a_post()], [a_comment()], [an_interaction()], [a_profile()])
    warehouse = database.warehouse()
    body = f"begin {FAULTS[fault]} return null; end"
    database.run(f"create function dw.fault() returns trigger language plpgsql as $$ {body} $$")
    for event, name in STEPS:
        database.run(f"create trigger fault after {event} on dw.{name} for each statement execute function dw.fault()")
        with pytest.raises(SinkUnavailable):
            warehouse.commit([load])
        assert database.rows(COUNTS) == [(0, 0, 0, 0, 0)], f"{event} {name}"
        database.run(f"drop trigger fault on dw.{name}")
    assert warehouse.commit([load]) == 1
    assert database.rows(COUNTS) == [(2, 1, 1, 1, 1)]


def test_a_connection_that_is_cut_is_told_apart_and_made_anew(database: Database) -> None:
    warehouse = database.warehouse()
    warehouse.commit([a_load([a_post()])])
    database.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'moodstream'")
    with pytest.raises(SinkUnavailable):
        warehouse.commit([a_load([a_post()], batch=1)])
    assert warehouse.commit([a_load([a_post()], batch=1)]) == 1
    assert database.rows(COUNTS) == [(2, 0, 0, 0, 2)]


def test_a_concurrent_load_of_the_same_batch_waits_and_finds_nothing_to_do(database: Database) -> None:
    load = a_load([a_post()])
    taken: list[int] = []
    with database.connect() as other:
        other.autocommit = False
        other.execute("insert into dw.load_ledger (query, batch_id, rows, started_at) values ('load', 0, 1, now())")
        second = Thread(target=lambda: taken.append(database.warehouse().commit([load])))
        second.start()
        second.join(0.5)
        assert second.is_alive()
        other.commit()
        second.join(30)
    assert taken == [0]


def test_a_warehouse_that_is_down_is_unavailable_not_a_crash() -> None:
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1:1/"):
        PostgresWarehouse("postgresql://nobody@127.0.0.1:1/none").migrate()


def test_a_query_that_never_loaded_has_no_last_batch(database: Database) -> None:
    warehouse = database.warehouse()
    assert warehouse.last_batch("load") is None
    warehouse.commit([a_load([a_post()], batch=7)])
    assert warehouse.last_batch("load") == 7


def test_migrations_run_once(empty_database: Database) -> None:
    names = [migration.name for migration in statements.migrations("postgres")]
    assert empty_database.warehouse().migrate() == names
    assert empty_database.warehouse().migrate() == []
    assert empty_database.rows("select name from dw.schema_version order by version") == names


def test_several_jobs_may_migrate_at_once(empty_database: Database) -> None:
    applied: list[list[str]] = []
    jobs = [Thread(target=lambda: applied.append(empty_database.warehouse().migrate())) for _ in range(3)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert sorted(map(len, applied)) == [0, 0, len(statements.migrations("postgres"))]


def test_a_filled_warehouse_keeps_its_rows_when_later_migrations_come(
    empty_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = statements.migrations("postgres")
    monkeypatch.setattr(statements, "migrations", lambda dialect: every[:3])
    empty_database.warehouse().migrate()
    empty_database.warehouse().commit([a_load(profiles=[a_profile()])])
    # The loads of this release name columns that only a later migration adds.
    empty_database.run(
        "insert into dw.fact_post (event_id, event_time, date_key, time_key, post_id, user_id, text, query, batch_id)"
        " values ('e', '2026-03-01T12:00:00Z', 20260301, 720, 'p', 'ann', 'Fine.', 'load', 0)"
    )
    monkeypatch.setattr(statements, "migrations", lambda dialect: every)
    assert empty_database.warehouse().migrate() == [migration.name for migration in every[3:]]
    assert empty_database.rows(COUNTS) == [(1, 0, 0, 1, 1)]


def test_a_changed_migration_stops_the_hop_for_good(database: Database) -> None:
    database.run("update dw.schema_version set checksum = 'of another text' where version = 1")
    with pytest.raises(PermanentFailure, match=r"001_ledger\.sql has changed"):
        database.warehouse().migrate()


def test_an_analyst_reads_everything_and_changes_nothing(database: Database) -> None:
    database.run((Path(__file__).parents[2] / "sql/postgres/admin/analyst_role.sql").read_text())
    with database.connect() as connection:
        connection.execute("create table dw.later ()")
        connection.execute("set role analyst")
        for table in ("fact_post", "dim_user_current", "layer_freshness", "later"):
            connection.execute(f"select * from dw.{table}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from dw.fact_post")
        connection.execute("reset role")
        connection.execute("drop owned by analyst")
        connection.execute("drop role analyst")


def of_job(database: Database, token: int, lease: str = "a-lake", hop: str = "load") -> PostgresWarehouse:
    return PostgresWarehouse(database.url, database.password, HopToken(Token(lease, token), hop))


def test_a_job_that_lost_the_lake_loads_nothing_more(database: Database) -> None:
    old, new = of_job(database, 7), of_job(database, 8)
    assert old.commit([a_load([a_post()], batch=0)]) == 1
    assert new.commit([a_load([a_post()], batch=1)]) == 1
    with pytest.raises(LeaseLost, match="holds token 7 and found 8"):
        old.commit([a_load([a_post()], batch=2)])
    assert database.rows(COUNTS) == [(2, 0, 0, 0, 2)]
    assert database.rows("select lease, hop, token from dw.job_lease") == [("a-lake", "load", 8)]


def test_tokens_of_another_hop_or_lake_do_not_count(database: Database) -> None:
    assert of_job(database, 8).commit([a_load([a_post()], batch=0)]) == 1
    assert of_job(database, 1, lease="made-anew").commit([a_load([a_post()], batch=1)]) == 1
    assert of_job(database, 2, hop="serve").commit([a_load([a_post()], batch=2)]) == 1
    assert database.warehouse().commit([a_load([a_post()], batch=3)]) == 1


def test_a_new_job_s_load_waits_for_the_old_one_s_and_the_old_one_is_refused_afterwards(database: Database) -> None:
    of_job(database, 7).commit([a_load([a_post()], batch=0)])
    waiting = Thread(target=of_job(database, 8).commit, args=([a_load([a_post()], batch=1)],))
    with database.connect() as connection, connection.transaction():
        connection.execute("update dw.job_lease set token = 7")
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
    waiting.join(60)
    assert database.rows("select token from dw.job_lease") == [8]
