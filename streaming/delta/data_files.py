"""Writes Arrow batches as Parquet data files of Delta tables partitioned by day. Runs in Spark's Python workers.

A file that no commit names is invisible, so a task may fail or run twice; `VACUUM` removes the files that it leaves.
Spark's own writer needs a job, a plan and generated code for each table; here one pass of one job writes the files of
all tables.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq

# What a task returns for each file that it wrote; `partition` and `statistics` are JSON.
FILES = "entity string, path string, size long, modified long, partition string, statistics string"
_FILES = pa.schema(
    [
        ("entity", pa.string()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified", pa.int64()),
        ("partition", pa.string()),
        ("statistics", pa.string()),
    ]
)


class Target(NamedTuple):
    """A table to write to: its root, its columns without those of the partition, its timestamp column `time`."""

    uri: str
    columns: pa.Schema
    time: str


class DataFiles:
    """Splits rows by their column `entity` and by UTC day into new data files. Can be pickled; used once per task.

    `targets`: the tables, by entity. `options`: those of delta-rs' storage client; none for a local lake.
    """

    def __init__(self, targets: Mapping[str, Target], options: Mapping[str, str]) -> None:
        self._targets = targets
        self._options = options

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write all rows; yields one batch of FILES with a row for each file. `mapInArrow` calls this."""
        files: dict[tuple[str, date], _File] = {}
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            for entity in pc.unique(rows["entity"]).to_pylist():
                target = self._targets[entity]
                for day, part in _by_day(rows.filter(pc.equal(rows["entity"], entity)), target.time):
                    if (entity, day) not in files:
                        files[entity, day] = _File(target, day, self._options)
                    files[entity, day].write(part)
        written = [{"entity": entity, **file.close()} for (entity, _), file in files.items()]
        if written:
            yield pa.RecordBatch.from_pylist(written, schema=_FILES)


def _by_day(rows: pa.Table, time: str) -> Iterator[tuple[date, pa.Table]]:
    days = pc.cast(rows[time], pa.date32())
    distinct = pc.unique(days).to_pylist()
    for day in distinct:
        yield day, rows if len(distinct) == 1 else rows.filter(pc.equal(days, pa.scalar(day, pa.date32())))


class _File:
    """One Parquet file that is being written."""

    def __init__(self, target: Target, day: date, options: Mapping[str, str]) -> None:
        self._target = target
        self._partition = {"year": str(day.year), "month": str(day.month), "day": str(day.day)}
        folder = "/".join(f"{name}={value}" for name, value in self._partition.items())
        self._path = f"{folder}/part-{uuid.uuid4()}.snappy.parquet"
        self._sink = _sink(target.uri, self._path, options)
        self._writer = pq.ParquetWriter(self._sink, target.columns, compression="snappy")
        self._rows = 0

    def write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows.select(self._target.columns.names).cast(self._target.columns))
        self._rows += rows.num_rows

    def close(self) -> dict[str, Any]:
        self._writer.close()
        size = self._sink.tell()
        self._sink.close()
        return {
            "path": self._path,
            "size": size,
            "modified": int(time.time() * 1000),
            "partition": json.dumps(self._partition),
            "statistics": json.dumps({"numRecords": self._rows}),
        }


def _sink(uri: str, path: str, options: Mapping[str, str]) -> pa.NativeFile:
    if not options:
        file = Path(uri, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        return pa.OSFile(str(file), "wb")
    from deltalake.fs import DeltaStorageHandler

    # The same storage and credentials as those of the commit.
    return pa_fs.PyFileSystem(DeltaStorageHandler(uri, dict(options))).open_output_stream(path)
