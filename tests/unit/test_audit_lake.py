"""A lake on S3 becomes a folder with the same names and times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy.local.errors import UsageError
from harness.audit import lake

COMMITTED = datetime(2026, 11, 23, 12, tzinfo=UTC)


class FakeS3:
    """One bucket's keys; each holds its own name. A key that ends in a slash is a folder's marker."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys

    def get_paginator(self, _operation: str) -> FakeS3:
        return self

    def paginate(self, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        for key in self._keys:
            yield {"Contents": [{"Key": key, "LastModified": COMMITTED}] if key.startswith(Prefix) else []}

    def download_file(self, _bucket: str, key: str, path: str) -> None:
        Path(path).write_text(key)


def test_what_lies_below_the_prefix_is_copied_with_its_time(tmp_path: Path) -> None:
    s3 = FakeS3("lake/bronze/", "lake/bronze/_delta_log/0.json", "lakes/other")
    folder = lake.copied_from_s3(s3, "s3a://bucket/lake/", tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.relative_to(folder).as_posix() for path in files] == ["bronze/_delta_log/0.json"]
    assert files[0].stat().st_mtime == COMMITTED.timestamp()


def test_a_whole_bucket_is_a_lake_as_well(tmp_path: Path) -> None:
    lake.copied_from_s3(FakeS3("gold/x"), "s3://bucket", tmp_path)
    assert (tmp_path / "gold" / "x").read_text() == "gold/x"


@pytest.mark.parametrize("url", ["/a/folder", "s3://", "https://bucket/lake"])
def test_anything_else_is_refused_by_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--lake: received '{url}', expected s3://BUCKET"):
        lake.copied_from_s3(FakeS3(), url, tmp_path)


def test_a_table_in_a_folder_with_blanks_and_umlauts_is_read(tmp_path: Path) -> None:
    table = tmp_path / "my dir ü" / "table"
    write_deltalake(str(table), pa.table({"id": ["a"]}), mode="append")
    connection = lake.connect(tmp_path)
    assert lake.view(connection, "rows", table)
    assert connection.execute("select id, filename like '%my dir ü/table/%' from rows").fetchall() == [("a", True)]
