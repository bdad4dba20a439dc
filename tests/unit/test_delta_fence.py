"""Tables under a fencing token: what a job that lost the lake still sends is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from pyspark.sql import Row
from pyspark.sql.types import IntegerType, StringType, StructField, StructType

from streaming.delta.append import FileAppend, create
from streaming.delta.merge import KeyedMerge
from streaming.errors import LeaseLost
from streaming.fencing import Token
from streaming.settings import Settings
from streaming.tables import gold_freshness
from streaming.tables.columns import PARTITIONS

SCHEMA = StructType([StructField("id", StringType()), *(StructField(name, IntegerType()) for name in PARTITIONS)])
PARTITION = '{"year": "2026", "month": "1", "day": "1"}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(lake=str(tmp_path), checkpoints="", stream="events")
    create(settings, "cats", SCHEMA, PARTITIONS)
    return settings


def of_job(settings: Settings, number: int, lease: str = "a-lake") -> Settings:
    return replace(settings, token=Token(lease, number))


def a_file(name: str) -> Row:
    return Row(path=f"{name}.parquet", size=1, partition=PARTITION, modified=0, statistics='{"numRecords": 1}')


def files(settings: Settings) -> list[str]:
    uris = DeltaTable(settings.table("cats")).file_uris()
    return sorted(uri.rpartition("/")[2].removesuffix(".parquet") for uri in uris)


def test_delta_rs_refuses_a_commit_without_retries_after_any_other_even_a_blind_append(settings: Settings) -> None:
    def append(table: DeltaTable, name: str) -> None:
        from streaming.delta.append import _add

        properties = CommitProperties(max_commit_retries=0)
        table.create_write_transaction(
            [_add(a_file(name))], "append", table.schema(), list(PARTITIONS), commit_properties=properties
        )

    stale = DeltaTable(settings.table("cats"))
    append(DeltaTable(settings.table("cats")), "a")
    with pytest.raises(CommitFailedError):
        append(stale, "b")
    assert files(settings) == ["a"]


def test_a_job_that_lost_the_lake_appends_nothing_more(settings: Settings) -> None:
    old = FileAppend(of_job(settings, 7), "cats", "q")
    old.commit([a_file("a")], 0)
    new = FileAppend(of_job(settings, 8), "cats", "q")
    with pytest.raises(LeaseLost, match="holds token 7 and found 8"):
        old.commit([a_file("b")], 1)
    with pytest.raises(LeaseLost):
        old.holds(1)
    assert new.holds(0)
    assert not new.holds(1)
    new.commit([a_file("c")], 1)
    assert files(settings) == ["a", "c"]


def test_a_take_over_between_the_look_and_the_commit_is_noticed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = FileAppend(of_job(settings, 7), "cats", "q")
    append = old._append

    def after_the_take_over(*arguments: object) -> None:
        FileAppend(of_job(settings, 8), "cats", "q")
        append(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(old, "_append", after_the_take_over)
    with pytest.raises(LeaseLost):
        old.commit([a_file("a")], 0)
    assert files(settings) == []


def test_a_lower_token_cannot_even_open_the_table(settings: Settings) -> None:
    FileAppend(of_job(settings, 8), "cats", "q")
    with pytest.raises(LeaseLost):
        FileAppend(of_job(settings, 7), "cats", "q")


def test_the_lease_of_a_lake_that_was_made_anew_begins_with_low_tokens(settings: Settings) -> None:
    FileAppend(of_job(settings, 8), "cats", "q").commit([a_file("a")], 0)
    FileAppend(of_job(settings, 1, lease="another"), "cats", "q").commit([a_file("b")], 1)
    assert files(settings) == ["a", "b"]


def test_a_mark_never_falls(settings: Settings) -> None:
    append = FileAppend(settings, "cats", "q")
    append.commit([a_file("a")], 0, {"latest": 8})
    append.commit([a_file("b")], 1, {"latest": 7})
    assert append.mark("latest") == 8


def test_a_batch_that_another_query_of_the_job_committed_is_an_error_not_our_own_success(settings: Settings) -> None:
    one, other = (FileAppend(of_job(settings, 7), "cats", "q") for _ in range(2))
    assert not one.holds(0)
    other.commit([a_file("a")], 0)
    with pytest.raises(CommitFailedError, match="another query"):
        one.commit([a_file("b")], 0)
    assert one.holds(0)
    assert files(settings) == ["a"]


def test_a_job_that_lost_the_lake_merges_nothing_more(tmp_path: Path) -> None:
    def opened(number: int) -> KeyedMerge:
        return KeyedMerge(gold_freshness.TABLE, str(tmp_path), {}, "q", Token("a-lake", number))

    old, new = opened(7), opened(8)
    nothing = gold_freshness.TABLE.schema.empty_table()
    with pytest.raises(LeaseLost, match="holds token 7 and found 8"):
        old.apply(nothing, 0)
    assert new.apply(nothing, 0)


def test_operators_commands_commit_without_a_token(settings: Settings) -> None:
    FileAppend(of_job(settings, 8), "cats", "q").commit([a_file("a")], 0)
    FileAppend(settings, "cats", "backfill").commit([a_file("b")], 0)
    table = DeltaTable(settings.table("cats"))
    assert table.transaction_version(Transaction("lease/a-lake", 8).app_id) == 8
    assert files(settings) == ["a", "b"]
