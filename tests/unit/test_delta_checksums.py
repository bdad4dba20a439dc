"""The checksum that an append writes beside its commit."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from streaming.delta.checksums import Checksums
from streaming.files import Files


def test_a_commit_gets_a_checksum_that_describes_its_version(tmp_path: Path) -> None:
    rows = pa.table({"name": ["a"] * 3})
    write_deltalake(str(tmp_path), rows)
    table = DeltaTable(str(tmp_path))
    checksums = Checksums(Files(), str(tmp_path))
    checksums.before(table)
    write_deltalake(str(tmp_path), rows, mode="append")
    table.update_incremental()
    checksums.after(table, [100])
    described = json.loads((tmp_path / "_delta_log" / f"{1:020d}.crc").read_text())
    assert described["numFiles"] == 2
    assert described["metadata"]["id"] == str(table.metadata().id)
