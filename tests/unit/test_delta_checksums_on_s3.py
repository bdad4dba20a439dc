"""Checksums go through delta-rs's object store wherever there is one; here a folder stands in for the bucket."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from streaming.delta.checksums import Checksums


def test_an_object_store_takes_the_checksum_of_a_commit(tmp_path: Path) -> None:
    rows = pa.table({"name": ["a"] * 3})
    write_deltalake(str(tmp_path), rows)
    table = DeltaTable(str(tmp_path))
    checksums = Checksums(str(tmp_path), {"aws_conditional_put": "etag"})
    checksums.before(table)
    write_deltalake(str(tmp_path), rows, mode="append")
    table.update_incremental()
    checksums.after(table, [100])
    described = json.loads((tmp_path / "_delta_log" / f"{1:020d}.crc").read_text())
    assert described["numFiles"] == 2
    assert described["metadata"]["id"] == str(table.metadata().id)
