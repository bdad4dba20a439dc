"""Data files of Delta tables, written without Spark."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from pyspark.sql import Row
from pyspark.sql.types import IntegerType, StringType, StructField, StructType, TimestampType

from streaming.delta import data_files
from streaming.delta.append import FileAppend, create
from streaming.delta.data_files import DataFiles, Target
from streaming.delta.tables import open_table, read
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS
from tests.patience import wait_until

COLUMNS = pa.schema([("id", pa.string()), ("at", pa.timestamp("us", tz="UTC"))])
EVENTS = pa.schema([("entity", pa.string()), *COLUMNS])
PARTS = [StructField(name, IntegerType()) for name in PARTITIONS]
SCHEMA = StructType([StructField("id", StringType()), StructField("at", TimestampType()), *PARTS])
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def events(*rows: tuple[str, str, datetime]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(EVENTS.names, row, strict=True)) for row in rows], schema=EVENTS)


def written(lake: Path, *batches: pa.RecordBatch) -> list[dict[str, Any]]:
    targets = {name: Target(str(lake / name), COLUMNS, "at") for name in ("cats", "dogs")}
    return [row for files in DataFiles(targets, {})(batches) for row in files.to_pylist()]


def test_events_of_many_days_never_keep_more_than_one_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_now = most = 0
    sink = data_files._sink

    @contextmanager
    def counted(*arguments: Any) -> Iterator[pa.NativeFile]:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        with sink(*arguments) as file:
            yield file
        open_now -= 1

    monkeypatch.setattr(data_files, "_sink", counted)
    rows = [("cats", str(day), NOON - timedelta(days=day)) for day in range(1_500)]
    files = written(tmp_path, events(*rows))
    assert len(files) == 1_500
    assert most == 1


def test_a_task_that_holds_much_writes_before_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "HELD_BYTES", 1)
    files = written(tmp_path, events(("cats", "1", NOON)), events(("cats", "2", NOON), ("dogs", "3", NOON)))
    assert sorted(file["entity"] for file in files) == ["cats", "cats", "dogs"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(lake=str(tmp_path), checkpoints="", stream="events")
    for name in ("cats", "dogs"):
        create(settings, name, SCHEMA, PARTITIONS)
    return settings


def commit(settings: Settings, files: list[dict[str, Any]], query: str = "q", batch: int = 0) -> None:
    for name in sorted({file["entity"] for file in files}):
        append = FileAppend(settings, name, query)
        if not append.holds(batch):
            append.commit([Row(**file) for file in files if file["entity"] == name], batch)


def ids(settings: Settings, name: str) -> list[str]:
    return sorted(read(open_table(settings, name))["id"].to_pylist())


def test_each_entity_and_day_has_one_file_however_many_batches_come(tmp_path: Path) -> None:
    eve = NOON.replace(year=2025, month=12, day=31)
    first = events(("cats", "a", NOON), ("dogs", "b", NOON), ("cats", "c", eve))
    files = written(tmp_path, first, events(("cats", "d", NOON)))
    assert sorted((file["entity"], file["path"].rpartition("/")[0]) for file in files) == [
        ("cats", "year=2025/month=12/day=31"),
        ("cats", "year=2026/month=1/day=1"),
        ("dogs", "year=2026/month=1/day=1"),
    ]
    for file in files:
        place = tmp_path / file["entity"] / file["path"]
        assert place.stat().st_size == file["size"]
        assert pq.read_schema(place).names == COLUMNS.names


def test_no_rows_make_no_files(tmp_path: Path) -> None:
    assert written(tmp_path) == []
    assert written(tmp_path, events()) == []


def test_statistics_count_rows_and_hold_nothing_of_a_person(settings: Settings, tmp_path: Path) -> None:
    (file,) = written(tmp_path, events(("cats", "a", NOON), ("cats", "b", NOON)))
    assert json.loads(file["statistics"]) == {"numRecords": 2}


def test_readers_that_filter_by_statistics_find_the_rows(settings: Settings, tmp_path: Path) -> None:
    commit(settings, written(tmp_path, events(("cats", "a", NOON), ("cats", "b", NOON))))
    table = DeltaTable(settings.table("cats"))
    assert table.to_pyarrow_table(filters=[("id", "=", "a")]).num_rows == 1


def test_the_writer_travels_to_workers(tmp_path: Path) -> None:
    targets = {"cats": Target(str(tmp_path / "cats"), COLUMNS, "at")}
    writer = pickle.loads(pickle.dumps(DataFiles(targets, {})))
    assert len(list(writer([events(("cats", "a", NOON))]))) == 1


def test_files_are_visible_once_they_are_committed(settings: Settings, tmp_path: Path) -> None:
    files = written(tmp_path, events(("cats", "a", NOON), ("dogs", "b", NOON)))
    assert ids(settings, "cats") == []
    commit(settings, files)
    assert (ids(settings, "cats"), ids(settings, "dogs")) == (["a"], ["b"])


def test_a_batch_that_is_replayed_after_a_start_is_left_out(settings: Settings, tmp_path: Path) -> None:
    commit(settings, written(tmp_path, events(("cats", "a", NOON))), batch=3)
    commit(settings, written(tmp_path, events(("cats", "a", NOON), ("dogs", "b", NOON))), batch=3)
    commit(settings, written(tmp_path, events(("cats", "c", NOON))), batch=4)
    commit(settings, written(tmp_path, events(("cats", "d", NOON))), query="another", batch=3)
    assert (ids(settings, "cats"), ids(settings, "dogs")) == (["a", "c", "d"], ["b"])


def test_a_commit_goes_on_from_those_of_other_writers(settings: Settings, tmp_path: Path) -> None:
    append = FileAppend(settings, "cats", "q")
    commit(settings, written(tmp_path, events(("cats", "a", NOON))), query="another")
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "b", NOON)))], 0)
    assert ids(settings, "cats") == ["a", "b"]


def test_checksums_tell_the_totals_of_each_version(settings: Settings, tmp_path: Path) -> None:
    append = FileAppend(settings, "cats", "q")
    sizes = []
    for batch in range(3):
        files = written(tmp_path, events(("cats", str(batch), NOON)))
        sizes += [file["size"] for file in files]
        append.commit([Row(**file) for file in files], batch)
    told = json.loads((tmp_path / "cats/_delta_log/00000000000000000003.crc").read_bytes())
    assert (told["numFiles"], told["tableSizeBytes"]) == (3, sum(sizes))
    first = (tmp_path / "cats/_delta_log/00000000000000000000.json").read_text().splitlines()
    actions = {name: action for line in first for name, action in json.loads(line).items()}
    assert told["protocol"] == actions["protocol"]
    assert told["metadata"] == {name: value for name, value in actions["metaData"].items() if value is not None}


def test_small_files_are_joined_beside_the_writer(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.delta.append.COMPACT_EVERY", 4)
    append = FileAppend(settings, "cats", "q")
    for batch in range(4):
        append.commit([Row(**file) for file in written(tmp_path, events(("cats", str(batch), NOON)))], batch)
    wait_until(lambda: len(open_table(settings, "cats").file_uris()) == 1, "the files are compacted")
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "after", NOON)))], 4)
    assert ids(settings, "cats") == ["0", "1", "2", "3", "after"]


def expire(log: Path, version: int) -> Path:
    """Make an entry of the log older than the log's retention."""
    entry = log / f"{version:020d}.json"
    long_ago = time.time() - 30 * 86_400
    os.utime(entry, (long_ago, long_ago))
    return entry


def test_expired_entries_of_the_log_are_looked_for_by_the_rounds_of_compaction_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streaming.delta.append.COMPACT_EVERY", 3)
    append = FileAppend(settings, "cats", "q")
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "0", NOON)))], 0)
    open_table(settings, "cats").create_checkpoint()
    entry = expire(tmp_path / "cats" / "_delta_log", 0)
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "1", NOON)))], 1)
    assert entry.exists(), "a commit listed the whole log"
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "2", NOON)))], 2)
    wait_until(lambda: not entry.exists(), "the round left the expired entry")


def test_a_table_gains_the_columns_that_a_new_release_brings(settings: Settings, tmp_path: Path) -> None:
    commit(settings, written(tmp_path, events(("cats", "a", NOON))))
    create(settings, "cats", StructType([StructField("colour", StringType()), *SCHEMA.fields]), PARTITIONS)
    create(settings, "cats", SCHEMA, PARTITIONS)
    table = DeltaTable(settings.table("cats"))
    assert {field.name for field in table.schema().fields} == {*SCHEMA.names, "colour"}
    assert read(table)["colour"].to_pylist() == [None]


def test_an_append_is_made_again_where_rows_were_deleted_meanwhile(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(settings, written(tmp_path, events(("cats", "a", NOON), ("cats", "b", NOON))))
    append = FileAppend(settings, "cats", "q")
    assert not append.holds(1)
    real, raced = append._append, []

    def outrun(*arguments: Any) -> None:
        if not raced:
            raced.append(DeltaTable(settings.table("cats")).delete("id = 'a'"))
        real(*arguments)

    monkeypatch.setattr(append, "_append", outrun)
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "c", NOON)))], 1)
    assert (ids(settings, "cats"), len(raced)) == (["b", "c"], 1)


def test_a_batch_is_committed_once_with_one_look_at_the_log_before(settings: Settings, tmp_path: Path) -> None:
    looks: list[int] = []

    class Watched(DeltaTable):
        def update_incremental(self) -> None:
            looks.append(self.version())
            super().update_incremental()

    commit(settings, written(tmp_path, events(("cats", "a", NOON))))
    append = FileAppend(settings, "cats", "q", Watched(settings.table("cats")))
    files = [Row(**file) for file in written(tmp_path, events(("cats", "b", NOON)))]
    before = DeltaTable(settings.table("cats")).version()
    append.commit_unless_held(files, 1)
    assert (ids(settings, "cats"), looks.count(before)) == (["a", "b"], 2), "one look before and one after"
    append.commit_unless_held(files, 1)
    assert ids(settings, "cats") == ["a", "b"]


def test_an_append_whose_answer_was_lost_is_not_made_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = FileAppend(settings, "cats", "q")
    assert not append.holds(0)
    real = append._append

    def unheard(*arguments: Any) -> None:
        real(*arguments)
        raise CommitFailedError("no answer")

    monkeypatch.setattr(append, "_append", unheard)
    append.commit([Row(**file) for file in written(tmp_path, events(("cats", "a", NOON)))], 0)
    assert ids(settings, "cats") == ["a"]
