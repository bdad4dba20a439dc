"""The load hop: silver's Delta tables into PostgreSQL, by the versions of their logs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from deploy.local.workdir import Workdir
from harness.audit import backlog
from streaming.checkpoints import positions
from streaming.delta import append
from streaming.delta.follower import Bounds
from streaming.errors import SinkUnavailable
from streaming.files import Files
from streaming.hops import load
from streaming.settings import Settings
from streaming.tables import catalog
from streaming.tables.columns import PARTITIONS
from streaming.warehouse.facts import TARGETS, Loader
from tests.integration.conftest import Database
from tests.lake_rows import append as append_rows
from tests.warehouse_rows import a_comment, a_post, a_profile, an_interaction

COUNTS = """
select (select count(*) from dw.fact_post), (select count(*) from dw.fact_comment),
    (select count(*) from dw.fact_interaction), (select count(*) from dw.dim_user)
"""


@pytest.fixture
def settings(tmp_path: Path, database: Database) -> Settings:
    """A job with an empty lake."""
    settings = Settings(
        lake=str(tmp_path / "lake"),
        checkpoints=str(tmp_path / "checkpoints"),
        stream="events",
        warehouse=database.url,
        warehouse_password=database.password,
    )
    for name in TARGETS.values():
        append.create(settings, name, catalog.APPENDED[name], PARTITIONS)
    return settings


def appended(settings: Settings, name: str, *rows: Mapping[str, Any]) -> None:
    """Append to a silver table what the builders made."""
    parts = {"raw": "{}", "sequence_number": "1", "record_index": 0}
    append_rows(Path(settings.lake), name, [parts | {"arrival_time": row["event_time"]} | row for row in rows])


def loaded(settings: Settings, database: Database, loader: Loader | None = None) -> int:
    """Run a hop that starts anew until it has caught up; returns how many rounds brought rows."""
    loader = loader or Loader(settings, database.warehouse())
    rounds = 0
    while loader()["numInputRows"]:
        rounds += 1
    return rounds


def test_silver_arrives_once_through_restarts_and_a_lost_checkpoint(settings: Settings, database: Database) -> None:
    appended(settings, "silver/posts", a_post(text="nul \0 byte"), a_post())
    appended(settings, "silver/user_changes", a_profile(user_age=None))
    loaded(settings, database)
    assert database.rows(COUNTS) == [(2, 0, 0, 1)]
    assert database.rows("select count(*) from dw.fact_post where text = 'nul  byte'") == [1]

    appended(settings, "silver/comments", a_comment())
    appended(settings, "silver/interactions", an_interaction(post_id="p1"), an_interaction())
    loaded(settings, database)
    assert database.rows(COUNTS) == [(2, 1, 2, 1)]

    shutil.rmtree(settings.checkpoints)
    assert loaded(settings, database) == 0
    assert database.rows(COUNTS) == [(2, 1, 2, 1)]
    assert database.rows("select sum(rows) from dw.load_ledger") == [6]


def test_a_lost_ledger_costs_a_second_reading_and_doubles_nothing(settings: Settings, database: Database) -> None:
    appended(settings, "silver/posts", a_post(), a_post())
    loaded(settings, database)
    database.run("delete from dw.load_ledger")
    assert loaded(settings, database) == 1
    assert database.rows(COUNTS) == [(2, 0, 0, 0)]


def test_compaction_and_corrections_bring_nothing_again(settings: Settings, database: Database) -> None:
    for text in ("one", "two", "three"):
        appended(settings, "silver/posts", a_post(text=text, user_id=text))
    hop = Loader(settings, database.warehouse())
    loaded(settings, database, hop)
    table = DeltaTable(settings.table("silver/posts"))
    table.optimize.compact()
    table.delete("user_id = 'two'")
    appended(settings, "silver/posts", a_post(text="four"))
    assert loaded(settings, database, hop) == 1
    assert database.rows("select sum(rows) from dw.load_ledger") == [4]


def test_rows_whose_files_were_vacuumed_before_they_were_loaded_come_with_the_snapshot(
    settings: Settings, database: Database
) -> None:
    appended(settings, "silver/posts", a_post(text="before"))
    loaded(settings, database)
    for _ in range(2):
        appended(settings, "silver/posts", a_post(text="while it was down"))
    table = DeltaTable(settings.table("silver/posts"))
    table.optimize.compact()
    table.vacuum(0, dry_run=False, enforce_retention_duration=False)
    hop = Loader(settings, database.warehouse())
    assert hop()["numInputRows"] == 0
    loaded(settings, database, hop)
    assert database.rows("select text, count(*) from dw.fact_post group by text order by text") == [
        ("before", 1),
        ("while it was down", 2),
    ]


def test_rows_whose_versions_have_left_the_log_come_with_the_snapshot(settings: Settings, database: Database) -> None:
    appended(settings, "silver/posts", a_post())
    loaded(settings, database)
    for _ in range(2):
        appended(settings, "silver/posts", a_post())
    table = DeltaTable(settings.table("silver/posts"))
    table.create_checkpoint()
    for version in range(table.version()):
        Path(settings.table("silver/posts"), f"_delta_log/{version:020d}.json").unlink()
    loaded(settings, database)
    assert database.rows(COUNTS) == [(3, 0, 0, 0)]


def test_a_long_backlog_comes_in_bounded_transactions_and_a_restart_goes_on_where_it_ended(
    settings: Settings, database: Database
) -> None:
    for _ in range(4):
        appended(settings, "silver/posts", a_post(), a_post())
    few = Bounds(rows=4)
    Loader(settings, database.warehouse(), few)()
    assert database.rows(COUNTS) == [(4, 0, 0, 0)]
    assert loaded(settings, database, Loader(settings, database.warehouse(), few)) == 1
    for _ in range(4):
        appended(settings, "silver/posts", a_post(), a_post())
    assert loaded(settings, database, Loader(settings, database.warehouse(), few)) == 2
    assert database.rows("select count(*), sum(rows), max(rows) from dw.load_ledger where rows > 0") == [(4, 16, 4)]


def test_others_see_how_far_the_hop_has_read(settings: Settings, database: Database, tmp_path: Path) -> None:
    """Erasure waits for it, and so does the end of a demo."""
    appended(settings, "silver/posts", a_post())
    hop = Loader(settings, database.warehouse())
    hop()
    table = DeltaTable(settings.table("silver/posts"))
    reached = positions.read(Files(), settings.checkpoints, positions.LOAD).unread_from
    assert reached[str(table.metadata().id)] == table.version() + 1
    assert backlog.unread(Workdir(tmp_path)) == {}
    appended(settings, "silver/posts", a_post())
    assert backlog.unread(Workdir(tmp_path)) == {"load": 1}


def test_a_checkpoint_that_spark_left_there_is_nobody_s_position(settings: Settings, tmp_path: Path) -> None:
    old = Path(settings.checkpoint("load"), "offsets")
    old.mkdir(parents=True)
    (old / "0").write_text("v1\n{}\n{}\n")
    assert backlog.unread(Workdir(tmp_path)) == {}


def test_a_warehouse_that_is_down_does_not_let_the_hop_start(settings: Settings) -> None:
    with pytest.raises(SinkUnavailable):
        load.start(None, replace(settings, warehouse="postgresql://nobody@127.0.0.1:1/none"))  # type: ignore[arg-type]
