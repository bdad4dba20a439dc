"""The rows that the live display counts: by the tables' logs, also after rows were removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from harness.demo.counts import RowCount, Snapshot
from streaming.delta import tables


def append(table: Path, *ids: str) -> None:
    write_deltalake(str(table), pa.table({"id": list(ids)}), mode="append")


def test_appended_rows_are_counted_once(tmp_path: Path) -> None:
    append(tmp_path, "a", "b")
    count = RowCount(tmp_path)
    assert count.update() == 2
    append(tmp_path, "c")
    assert count.update() == count.update() == 3


def test_rows_that_an_erasure_rewrote_are_not_new(tmp_path: Path) -> None:
    append(tmp_path, "a", "b", "c")
    count = RowCount(tmp_path)
    assert count.update() == 3
    DeltaTable(str(tmp_path)).delete("id = 'b'")
    assert count.update() == 2
    append(tmp_path, "d")
    assert count.update() == 3


def test_a_compaction_changes_no_count(tmp_path: Path) -> None:
    for name in "abc":
        append(tmp_path, name)
    count = RowCount(tmp_path)
    assert count.update() == 3
    DeltaTable(str(tmp_path)).optimize.compact()
    assert count.update() == 3


def test_a_table_is_read_again_only_after_it_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    read = tables.read

    def counted(table: DeltaTable, *how: Any) -> pa.Table:
        reads.append(table.version())
        return read(table, *how)

    monkeypatch.setattr(tables, "read", counted)
    snapshot = Snapshot(tmp_path, ["id"])
    assert snapshot.rows() is None
    append(tmp_path, "a")
    for _second in range(3):
        assert snapshot.rows()["id"].to_pylist() == ["a"]
    append(tmp_path, "b")
    assert sorted(snapshot.rows()["id"].to_pylist()) == ["a", "b"]
    assert reads == [0, 1]
