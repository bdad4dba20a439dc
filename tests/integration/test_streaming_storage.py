"""Small files beside a checkpoint, when the process dies or the disk is full while they are written."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession

from streaming.storage import read_json, write_json


def test_a_file_is_read_as_it_was_written_last(spark: SparkSession, tmp_path: Path) -> None:
    path = f"{tmp_path}/made/pins.json"
    assert read_json(spark, path) is None
    for value in ([1], [1, 2]):
        write_json(spark, path, value)
        assert read_json(spark, path) == value


def test_a_full_disk_leaves_what_was_there(spark: SparkSession, tmp_path: Path) -> None:
    write_json(spark, f"{tmp_path}/pins.json", [1])
    (tmp_path / "pins.json.draft").write_bytes(b"[1,")
    (tmp_path / "never.json.draft").touch()
    assert read_json(spark, f"{tmp_path}/pins.json") == [1]
    assert read_json(spark, f"{tmp_path}/never.json") is None


def test_a_write_that_a_crash_cut_in_two_is_completed_before_the_next_can_fail(
    spark: SparkSession, tmp_path: Path
) -> None:
    path = tmp_path / "pins.json"
    (tmp_path / "pins.json.draft").write_bytes(b"[2]")
    assert read_json(spark, str(path)) == [2]
    (tmp_path / "pins.json.draft").touch()  # the next write begins, and the disk is full
    assert read_json(spark, str(path)) == [2]
