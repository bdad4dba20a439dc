"""Gold reaches the warehouse as it is: new, changed and removed rows, once a version."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from streaming.delta.merge import created
from streaming.errors import SinkUnavailable
from streaming.settings import Settings
from streaming.tables.keyed_table import KeyedTable
from streaming.warehouse import statements
from streaming.warehouse.serving import GOLD, Server
from tests.integration.conftest import Database
from tests.warehouse_rows import NOON, minutes

TABLES = {table.name.removeprefix("gold/"): table for table in GOLD}
ENGAGEMENT = TABLES["engagement_by_minute"]
SHOWN = "select minute, action, interactions from dw.engagement_by_minute order by minute, action"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=str(tmp_path), checkpoints=str(tmp_path / "checkpoints"), stream="events")


def engagement(*rows: tuple[datetime, str, int]) -> pa.Table:
    columns = dict(zip(("minute", "action", "interactions"), map(list, zip(*rows, strict=True)), strict=True))
    return ENGAGEMENT.rows({name: pa.chunked_array([values]) for name, values in columns.items()})


def merged(settings: Settings, *rows: tuple[datetime, str, int]) -> None:
    merge = delta(settings, ENGAGEMENT).merge(
        engagement(*rows),
        "target.minute = source.minute and target.action = source.action",
        source_alias="source",
        target_alias="target",
    )
    merge.when_matched_update_all().when_not_matched_insert_all().execute()


def delta(settings: Settings, table: KeyedTable) -> DeltaTable:
    return created(table, settings.table(table.name), {})


def test_every_gold_table_has_a_load_script_with_its_columns() -> None:
    for name, table in TABLES.items():
        expected = {column for column, _ in (*table.key, *table.values)} | {"deleted"}
        assert set(statements.staged_columns("postgres", name)) == expected


def test_without_gold_there_is_nothing_to_serve(settings: Settings, database: Database) -> None:
    assert Server(settings, database.warehouse())() == {"numInputRows": 0}


def test_changed_rows_replace_those_of_the_same_key(settings: Settings, database: Database) -> None:
    serve = Server(settings, database.warehouse())
    merged(settings, (NOON, "like", 1), (NOON, "share", 2))
    serve()
    merged(settings, (NOON, "like", 5), (minutes(1), "like", 7))
    assert serve() == {"numInputRows": 2}
    assert database.rows(SHOWN) == [(NOON, "like", 5), (NOON, "share", 2), (minutes(1), "like", 7)]


def test_several_versions_between_two_rounds_count_as_the_last(settings: Settings, database: Database) -> None:
    serve = Server(settings, database.warehouse())
    merged(settings, (NOON, "like", 1))
    serve()
    for number in range(2, 6):
        merged(settings, (NOON, "like", number))
    assert serve() == {"numInputRows": 1}
    assert database.rows(SHOWN) == [(NOON, "like", 5)]


def test_a_round_without_changes_touches_nothing(settings: Settings, database: Database) -> None:
    merged(settings, (NOON, "like", 1))
    serve = Server(settings, database.warehouse())
    serve()
    assert serve() == {"numInputRows": 0}
    assert database.rows("select rows from dw.load_ledger where rows > 0") == [1]


def test_a_new_process_goes_on_from_the_ledger(settings: Settings, database: Database) -> None:
    merged(settings, (NOON, "like", 1), (NOON, "share", 1))
    Server(settings, database.warehouse())()
    merged(settings, (NOON, "share", 2))
    assert Server(settings, database.warehouse())() == {"numInputRows": 1}


def test_rows_that_gold_lost_go(settings: Settings, database: Database) -> None:
    serve = Server(settings, database.warehouse())
    merged(settings, (NOON, "like", 1), (NOON, "share", 2))
    serve()
    delta(settings, ENGAGEMENT).delete("action = 'like'")
    serve()
    assert database.rows(SHOWN) == [(NOON, "share", 2)]


def test_gold_that_was_computed_anew_replaces_everything(settings: Settings, database: Database) -> None:
    serve = Server(settings, database.warehouse())
    merged(settings, (NOON, "like", 1), (NOON, "share", 2))
    serve()
    write_deltalake(delta(settings, ENGAGEMENT), engagement((NOON, "like", 9)), mode="overwrite")
    serve()
    assert database.rows(SHOWN) == [(NOON, "like", 9)]


def test_a_lake_that_was_made_anew_replaces_the_one_before(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    for number in range(3):
        merged(settings, (minutes(number), "like", 1))
    Server(settings, database.warehouse())()
    other = Settings(lake=str(tmp_path / "other"), checkpoints="", stream="events")
    merged(other, (NOON, "share", 4))
    Server(other, database.warehouse())()
    assert database.rows(SHOWN) == [(NOON, "share", 4)]


def test_compaction_is_no_change(settings: Settings, database: Database) -> None:
    serve = Server(settings, database.warehouse())
    merged(settings, (NOON, "like", 1))
    write_deltalake(delta(settings, ENGAGEMENT), engagement((NOON, "share", 1)), mode="append")
    serve()
    delta(settings, ENGAGEMENT).optimize.compact()
    assert serve() == {"numInputRows": 0}
    assert len(database.rows(SHOWN)) == 2


def test_changes_that_were_vacuumed_away_are_made_up_for_by_the_whole_table(
    settings: Settings, database: Database
) -> None:
    merged(settings, (NOON, "like", 1), (NOON, "share", 1))
    Server(settings, database.warehouse())()
    merged(settings, (NOON, "like", 2))
    delta(settings, ENGAGEMENT).delete("action = 'share'")
    table = delta(settings, ENGAGEMENT)
    for file in Path(table.table_uri.removeprefix("file://")).glob("_change_data/**/*.parquet"):
        file.unlink()
    Server(settings, database.warehouse())()
    assert database.rows(SHOWN) == [(NOON, "like", 2)]


def test_an_outage_ends_the_round_and_the_next_process_makes_up_for_it(settings: Settings, database: Database) -> None:
    warehouse = database.warehouse()
    serve = Server(settings, warehouse)
    merged(settings, (NOON, "like", 1))
    serve()
    merged(settings, (NOON, "like", 2))
    database.run("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'moodstream'")
    with pytest.raises(SinkUnavailable):
        serve()
    assert database.rows(SHOWN) == [(NOON, "like", 1)]
    Server(settings, warehouse)()
    assert database.rows(SHOWN) == [(NOON, "like", 2)]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_each_gold_table_is_served(settings: Settings, database: Database, name: str) -> None:
    table = TABLES[name]
    kinds: dict[pa.DataType, Any] = {pa.string(): "", pa.int64(): 3, pa.float64(): 0.5}
    row = {column: [kinds.get(kind, NOON)] for column, kind in (*table.key, *table.values)}
    rows = table.rows({column: pa.chunked_array([values]) for column, values in row.items()})
    write_deltalake(delta(settings, table), rows, mode="append")
    Server(settings, database.warehouse())()
    with database.connect() as connection:
        connection.row_factory = psycopg.rows.dict_row  # type: ignore[assignment]
        served = connection.execute(f"select * from dw.{name}").fetchall()  # type: ignore[call-overload]
    assert served == [{column: values[0] for column, values in row.items()}]


def test_after_a_pause_longer_than_the_log_the_whole_table_is_served(settings: Settings, database: Database) -> None:
    """delta-rs reads a feed from the first entry that is left: the row of the second version would be missing."""
    server = Server(settings, database.warehouse())
    merged(settings, (minutes(0), "like", 1))
    server()
    merged(settings, (minutes(1), "like", 2))
    merged(settings, (minutes(2), "like", 3))
    delta(settings, ENGAGEMENT).create_checkpoint()
    for version in (0, 1, 2):
        (Path(settings.table(ENGAGEMENT.name)) / "_delta_log" / f"{version:020d}.json").unlink()
    server()
    assert [row[2] for row in database.rows(SHOWN)] == [1, 2, 3]
