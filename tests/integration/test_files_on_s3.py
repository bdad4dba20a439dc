"""Small files on an emulated S3, through the storage client that also commits to the tables."""

from __future__ import annotations

import gzip
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.local import aws
from streaming.files import Files
from streaming.settings import Settings

FOLDER = "s3a://files-test/lake/_checkpoints"


@pytest.fixture
def files(emulated_aws: aws.Aws, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Files:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    s3.create_bucket(Bucket="files-test")
    return Files(Settings(lake="", checkpoints="", stream="", aws_endpoint=emulated_aws.endpoint))


def test_files_on_s3_are_replaced_listed_read_at_any_position_and_removed(files: Files, s3: Any) -> None:
    assert files.read(f"{FOLDER}/pins.json") is None
    assert (list(files.below(FOLDER)), files.folders(FOLDER)) == ([], [])
    files.remove(FOLDER)
    for value in ([1], [1, 2]):
        files.write_json(f"{FOLDER}/pins.json", value)
        assert files.read_json(f"{FOLDER}/pins.json") == value
    files.write(f"{FOLDER}/refine/offsets/7", b"v1")
    files.write(f"{FOLDER}/refine/offsets/10", b"")
    files.write(f"{FOLDER}/models/1.tar", bytes(3_000_000))
    with files.create(f"{FOLDER}/rows.parquet") as stream:
        pq.write_table(pa.table({"n": [1, 2]}), stream)
    files.write(f"{FOLDER}/models/2.tar", b"0123456789")
    with files.open(f"{FOLDER}/models/2.tar") as stream:
        stream.seek(4)
        assert stream.read(3) == b"456"
    s3.put_object(Bucket="files-test", Key="lake/lines.jsonl.gz", Body=gzip.compress(b"a\nb\n\nc"))
    with files.open(f"{FOLDER}/rows.parquet") as file:
        assert pq.read_table(file)["n"].to_pylist() == [1, 2]
    files.remove(f"{FOLDER}/rows.parquet")
    assert list(files.lines("s3://files-test/lake/lines.jsonl.gz")) == [b"a", b"b", b"", b"c"]

    assert files.folders(FOLDER) == ["models", "refine"]
    assert [(found.name, found.size) for found in files.below(f"{FOLDER}/refine/offsets")] == [("10", 0), ("7", 2)]
    assert [found.name for found in files.below(FOLDER)] == ["pins.json"]
    assert all(found.modified > 1e9 for found in files.below(FOLDER, recursive=True))
    assert len(files.read(f"{FOLDER}/models/1.tar") or b"") == 3_000_000

    files.remove(f"{FOLDER}/models")
    files.remove(f"{FOLDER}/pins.json")
    files.remove(f"{FOLDER}/none.json")
    assert [found.name for found in files.below(FOLDER, recursive=True)] == ["refine/offsets/10", "refine/offsets/7"]
    files.move(f"{FOLDER}/refine/offsets/7", f"{FOLDER}/refine/7")
    files.move(f"{FOLDER}/refine/7", f"{FOLDER}/refine/offsets/7")
    assert files.read(f"{FOLDER}/refine/offsets/7") == b"v1"
    files.move_folder(f"{FOLDER}/refine", f"{FOLDER}/_damaged/refine-1")
    moved = ["_damaged/refine-1/offsets/10", "_damaged/refine-1/offsets/7"]
    assert [found.name for found in files.below(FOLDER, recursive=True)] == moved
    assert [files.exists(f"{FOLDER}/{name}") for name in (moved[1], "refine/offsets/7", "_damaged")] == [
        True,
        False,
        False,
    ]


def test_an_unreachable_s3_is_an_error_not_a_missing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    nowhere = Settings(lake="", checkpoints="", stream="", aws_endpoint="http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        Files(nowhere).read("s3://files-test/pins.json")


def test_hadoops_markers_of_folders_are_no_files(files: Files, s3: Any) -> None:
    """Hadoop 3.4 keeps an empty object whose key ends with a slash for each folder that it has made."""
    for folder in ("ingest/", "ingest/positions/", "ingest/positions/13/", "ingest/empty/"):
        s3.put_object(Bucket="files-test", Key=f"lake/_checkpoints/{folder}", Body=b"")
    files.write(f"{FOLDER}/ingest/positions/13/shard-1", b"{}")

    assert [found.name for found in files.below(f"{FOLDER}/ingest/positions/13")] == ["shard-1"]
    assert list(files.below(f"{FOLDER}/ingest/positions")) == []
    assert [found.name for found in files.below(f"{FOLDER}/ingest", recursive=True)] == ["positions/13/shard-1"]
    assert files.folders(f"{FOLDER}/ingest") == ["empty", "positions"]

    files.remove(f"{FOLDER}/ingest/positions")
    assert list(files.below(f"{FOLDER}/ingest", recursive=True)) == []
