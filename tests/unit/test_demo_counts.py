"""The rows that the live display counts: by the tables' logs, also after rows were removed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from harness.demo.counts import RowCount


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
