"""Keyed Delta tables without Spark: merges, replays, other writers, files that stay few."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from streaming.delta import merge
from streaming.delta.merge import KeyedMerge, predicate
from streaming.delta.tables import read
from streaming.tables import gold_engagement_by_minute, silver_users
from tests.builders import NOON

TABLE = gold_engagement_by_minute.TABLE
LIKES = {"action": "like", "interactions": 2}


def rows(*values: dict[str, Any]) -> pa.Table:
    filled = [{"minute": NOON, **LIKES, **value} for value in values]
    return TABLE.rows({name: pa.chunked_array([[row[name] for row in filled]]) for name in filled[0]})


def sink(folder: Path, query: str = "query") -> KeyedMerge:
    return KeyedMerge(TABLE, str(folder), {}, query)


def counted(folder: Path) -> dict[tuple[datetime, str], int]:
    return {(row["minute"], row["action"]): row["interactions"] for row in read(DeltaTable(str(folder))).to_pylist()}


def test_rows_are_added_up_by_key(tmp_path: Path) -> None:
    table = sink(tmp_path)
    table.apply(rows({}, {"action": "share"}), 0)
    table.apply(rows({}, {"minute": NOON - timedelta(days=400)}), 1)
    assert counted(tmp_path) == {(NOON, "like"): 4, (NOON, "share"): 2, (NOON - timedelta(days=400), "like"): 2}


def test_a_replayed_batch_changes_nothing_whoever_replays_it(tmp_path: Path) -> None:
    assert sink(tmp_path).apply(rows({}), 5) is True
    assert sink(tmp_path).apply(rows({}), 5) is False
    assert sink(tmp_path).apply(rows({}), 4) is False
    assert counted(tmp_path) == {(NOON, "like"): 2}


def test_a_new_query_starts_the_table_anew_with_its_first_batch_only(tmp_path: Path) -> None:
    sink(tmp_path, "old").apply(rows({}, {"action": "share"}), 9)
    fresh = sink(tmp_path, "new")
    fresh.apply(rows({}), 0)
    fresh.apply(rows({}), 1)
    assert counted(tmp_path) == {(NOON, "like"): 4}


def test_a_new_query_whose_first_batch_brings_nothing_empties_the_table_all_the_same(tmp_path: Path) -> None:
    sink(tmp_path, "old").apply(rows({}), 9)
    sink(tmp_path, "new").apply(TABLE.schema.empty_table(), 0)
    assert counted(tmp_path) == {}


def test_only_rows_of_another_checkpoint_are_said_to_be_computed_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = sink(tmp_path, "old")
    # A job shows its token to an empty table by a commit without rows.
    DeltaTable(str(tmp_path)).alter.set_table_properties({"delta.appendOnly": "false"})
    first.apply(rows({}), 0)
    assert "computed again" not in caplog.text
    sink(tmp_path, "new").apply(rows({}), 0)
    assert "computed again" in caplog.text


def test_a_batch_without_rows_costs_no_commit(tmp_path: Path) -> None:
    table = sink(tmp_path)
    table.apply(TABLE.schema.empty_table(), 1)
    assert DeltaTable(str(tmp_path)).version() == 0


def test_a_commit_of_another_program_in_between_is_merged_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = sink(tmp_path)
    table.apply(rows({}), 1)
    original, raced = KeyedMerge._merge, []

    def raced_merge(self: KeyedMerge, *args: Any) -> None:
        if not raced:
            raced.append(DeltaTable(str(tmp_path)).delete())
        original(self, *args)

    monkeypatch.setattr(KeyedMerge, "_merge", raced_merge)
    table.apply(rows({}), 2)
    assert counted(tmp_path) == {(NOON, "like"): 2}


def test_a_batch_that_always_loses_the_race_fails_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def always_lost(self: KeyedMerge, *args: Any) -> None:
        raise CommitFailedError("lost")

    monkeypatch.setattr(KeyedMerge, "_merge", always_lost)
    with pytest.raises(CommitFailedError):
        sink(tmp_path).apply(rows({}), 1)
    assert counted(tmp_path) == {}


def test_files_of_other_days_and_minutes_are_not_looked_into(tmp_path: Path) -> None:
    table = sink(tmp_path)
    for day in range(4):
        table.apply(rows({"minute": NOON + timedelta(days=day)}), day + 1)
    merge = DeltaTable(str(tmp_path)).merge(
        rows({}), predicate(TABLE, rows({})), source_alias="source", target_alias="target", streamed_exec=False
    )
    metrics = merge.when_matched_update(dict(TABLE.updates)).execute()
    assert (metrics["num_target_files_scanned"], metrics["num_target_files_skipped_during_scan"]) == (1, 3)


def test_a_batch_of_very_many_days_is_merged_all_the_same(tmp_path: Path) -> None:
    table = sink(tmp_path)
    many = rows(*({"minute": NOON - timedelta(days=day)} for day in range(merge.MAX_RANGES + 10)))
    for batch in (1, 2):
        table.apply(many, batch)
    assert set(counted(tmp_path).values()) == {4}
    assert len(counted(tmp_path)) == merge.MAX_RANGES + 10


def test_small_files_are_compacted_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "COMPACT_EVERY", 10)
    table = sink(tmp_path)
    for minute in range(20):
        table.apply(rows({"minute": NOON + timedelta(minutes=minute)}), minute + 1)
    assert len(DeltaTable(str(tmp_path)).file_uris()) <= 2
    assert len(counted(tmp_path)) == 20


def test_expired_entries_of_the_log_are_looked_for_now_and_then_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "COMPACT_EVERY", 3)
    table = sink(tmp_path)
    table.apply(rows({}), 1)
    DeltaTable(str(tmp_path)).create_checkpoint()
    entry = tmp_path / "_delta_log" / f"{0:020d}.json"
    long_ago = time.time() - 30 * 86_400
    os.utime(entry, (long_ago, long_ago))
    table.apply(rows({}), 2)
    assert entry.exists(), "a commit listed the whole log"
    table.apply(rows({}), 3)
    assert not entry.exists()


def a_change(**overrides: Any) -> dict[str, Any]:
    own = {"user_id": "u1", "user_location": "Rome", "sequence_number": "10", "record_index": 0, "event_id": "e"}
    return {**own, "event_time": NOON, "arrival_time": NOON, "schema_version": 1, **overrides}


def profiles(*changes: dict[str, Any]) -> pa.Table:
    """Rows of silver/users from changes."""
    return silver_users.latest(pa.Table.from_pylist(list(changes), silver_users.TABLE.schema))


LATER, EARLIER = NOON + timedelta(days=1), NOON - timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"event_time": LATER}, "new"),
        ({"event_time": EARLIER, "sequence_number": "99"}, "Rome"),
        ({"sequence_number": "9"}, "Rome"),
        ({"sequence_number": "100"}, "new"),
        ({"sequence_number": "11"}, "new"),
        ({"record_index": 1}, "new"),
        ({}, "Rome"),
    ],
    ids=["later", "earlier", "lower number", "longer number", "higher number", "later in the record", "the same"],
)
def test_the_newest_state_of_a_user_stays_whatever_comes_last(
    tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    users = KeyedMerge(silver_users.TABLE, str(tmp_path), {}, "query")
    changed = a_change(user_location="new", **change)
    for batch, each in enumerate((a_change(), changed)):
        users.apply(profiles(each), batch)
    (row,) = read(DeltaTable(str(tmp_path))).to_pylist()
    assert row["user_location"] == place
    assert row["day"] == row["event_time"].day
    assert silver_users.recency(changed) > silver_users.recency(a_change()) or place == "Rome"


def test_a_table_of_an_earlier_release_gets_the_columns_that_it_lacks(tmp_path: Path) -> None:
    earlier = replace(TABLE, values=(), updates={"year": "source.year"})
    KeyedMerge(earlier, str(tmp_path), {}, "query").apply(rows({}).select(earlier.schema.names), 1)
    table = sink(tmp_path)
    table.apply(rows({"action": "share"}), 2)
    assert counted(tmp_path) == {(NOON, "like"): None, (NOON, "share"): 2}


def test_profiles_have_no_change_feed_since_nobody_reads_it(tmp_path: Path) -> None:
    users = KeyedMerge(silver_users.TABLE, str(tmp_path), {}, "query")
    for batch in range(2):
        users.apply(profiles(a_change(user_location=str(batch), sequence_number=str(batch))), batch)
    assert read(DeltaTable(str(tmp_path)))["user_location"].to_pylist() == ["1"]
    assert not (tmp_path / "_change_data").exists()


def test_the_change_feed_of_a_table_of_an_earlier_release_is_switched_off_once(tmp_path: Path) -> None:
    with_feed = KeyedMerge(replace(silver_users.TABLE, change_feed=True), str(tmp_path), {}, "query")
    with_feed.apply(profiles(a_change()), 1)
    written = set((tmp_path / "_change_data").rglob("*"))
    for batch in (2, 3):
        users = KeyedMerge(silver_users.TABLE, str(tmp_path), {}, "query")
        users.apply(profiles(a_change(user_location="new", sequence_number=f"9{batch}")), batch)
    assert read(DeltaTable(str(tmp_path)))["user_location"].to_pylist() == ["new"]
    assert set((tmp_path / "_change_data").rglob("*")) == written
    assert [each["operation"] for each in DeltaTable(str(tmp_path)).history()].count("SET TBLPROPERTIES") == 1


def test_gold_keeps_the_change_feed_that_the_warehouse_reads(tmp_path: Path) -> None:
    sink(tmp_path).apply(rows({}), 0)
    sink(tmp_path).apply(rows({}), 1)
    assert list((tmp_path / "_change_data").rglob("*.parquet"))
