"""Files of rows that are gone are deleted beside a stream that changes rows all the time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from streaming.corrections import replaced_files
from streaming.settings import Settings

NAME = "silver/posts"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(lake=str(tmp_path), checkpoints=str(tmp_path / "checkpoints"), stream="events")


@pytest.fixture
def table(settings: Settings) -> DeltaTable:
    for day in (1, 2, 3):
        rows = pa.table({"id": [f"a{day}", f"b{day}"], "day": pa.array([day] * 2, pa.int32())})
        write_deltalake(settings.table(NAME), rows, mode="append", partition_by=["day"])
    return DeltaTable(settings.table(NAME))


def files_of_day(settings: Settings, day: int) -> int:
    return len(list(Path(settings.table(NAME), f"day={day}").glob("*.parquet")))


def test_files_go_though_a_later_commit_has_changed_rows_as_well(settings: Settings, table: DeltaTable) -> None:
    table.delete("id = 'a1'")
    passed = table.version()
    table.delete("id = 'a2'")
    newest = table.version()
    assert replaced_files.delete(settings, NAME, passed) == 1
    # Of the second day the old file stays: a query may have yet to read it.
    assert [files_of_day(settings, day) for day in (1, 2, 3)] == [1, 2, 1]
    left = DeltaTable(settings.table(NAME))
    assert left.version() == newest
    assert sorted(left.to_pyarrow_table()["id"].to_pylist()) == ["a3", "b1", "b2", "b3"]


def test_without_a_version_all_go_and_may_be_asked_for_again(settings: Settings, table: DeltaTable) -> None:
    table.delete("id = 'a1'")
    table.delete("id = 'a2'")
    assert replaced_files.delete(settings, NAME, None) == 2
    replaced_files.delete(settings, NAME, None)
    assert [files_of_day(settings, day) for day in (1, 2, 3)] == [1, 1, 1]


def test_a_file_that_no_commit_names_stays(settings: Settings, table: DeltaTable) -> None:
    about_to_be_committed = Path(settings.table(NAME), "day=3", "part-new.snappy.parquet")
    about_to_be_committed.write_bytes(b"")
    table.delete("id = 'a1'")
    replaced_files.delete(settings, NAME, None)
    assert about_to_be_committed.exists()


def test_a_table_that_is_not_there_is_named(settings: Settings) -> None:
    with pytest.raises(TableNotFoundError):
        replaced_files.delete(settings, NAME, None)
