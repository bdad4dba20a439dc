"""Small files beside a checkpoint, wherever it lies: local folder, S3 or HDFS, through Spark's own file systems."""

from __future__ import annotations

import json
from typing import Any

from pyspark.sql import SparkSession


def read_bytes(spark: SparkSession, path: str) -> bytes | None:
    """The file's content, or None if there is no such file."""
    files, where = _file_system(spark, path)
    if not files.exists(where):
        return None
    stream = files.open(where)
    try:
        return bytes(spark._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))  # type: ignore[union-attr]
    finally:
        stream.close()


def write_bytes(spark: SparkSession, path: str, content: bytes) -> None:
    """Replace the file; a reader sees the old content or the new, never a part."""
    files, where = _file_system(spark, path)
    _, draft = _file_system(spark, path + ".draft")
    stream = files.create(draft, True)
    try:
        stream.write(bytearray(content))
    finally:
        stream.close()
    files.delete(where, False)
    files.rename(draft, where)


def read_json(spark: SparkSession, path: str) -> Any:
    """The file's JSON value, or None if there is no such file.

    A process that died between the two steps of a write has left a complete draft alone, which is then put in its
    place. A draft that is cut off, as by a full disk, is none: it would have replaced a file that is still there.
    """
    content = read_bytes(spark, path)
    if content is not None:
        return json.loads(content)
    try:
        value = json.loads(read_bytes(spark, path + ".draft") or b"")
    except ValueError:
        return None
    files, draft = _file_system(spark, path + ".draft")
    files.rename(draft, _file_system(spark, path)[1])
    return value


def write_json(spark: SparkSession, path: str, value: Any) -> None:
    """Replace the file by this JSON value."""
    write_bytes(spark, path, json.dumps(value).encode())


def newest_numbered(spark: SparkSession, folder: str) -> str | None:
    """The path of the folder in it whose name is the highest number; None where there is none."""
    files, where = _file_system(spark, folder)
    names = [entry.getPath().getName() for entry in files.listStatus(where)] if files.exists(where) else []
    numbers = [int(name) for name in names if name.isdigit()]
    return f"{folder}/{max(numbers)}" if numbers else None


def remove_empty_files(spark: SparkSession, folder: str) -> list[str]:
    """Remove the folder's files that hold nothing; returns their names."""
    files, where = _file_system(spark, folder)
    empty = [entry.getPath() for entry in files.listStatus(where) if entry.isFile() and not entry.getLen()]
    for path in empty:
        files.delete(path, False)
    return [str(path.getName()) for path in empty]


def _file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    where = spark._jvm.org.apache.hadoop.fs.Path(path)  # type: ignore[union-attr]
    return where.getFileSystem(spark._jsc.hadoopConfiguration()), where
