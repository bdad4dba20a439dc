"""Writes Arrow batches as Parquet data files of Delta tables partitioned by day. Runs in Spark's Python workers.

A file that no commit names is invisible, so a task may fail or run twice; `VACUUM` removes the files that it leaves.
Spark's own writer needs a job, a plan and generated code for each table; here one pass of one job writes the files of
all tables.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pa_fs
import pyarrow.parquet as pq
from pyspark.sql.pandas.types import from_arrow_schema

# What a task returns for each file that it wrote; `partition` and `statistics` are JSON. A row that was left out has
# only an entity and `quarantined`, the row as JSON (see quarantine/writing.py).
ARROW_FILES = pa.schema(
    [
        ("entity", pa.string()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("modified", pa.int64()),
        ("partition", pa.string()),
        ("statistics", pa.string()),
        ("quarantined", pa.string()),
    ]
)
# Not as a string: the JVM would parse that again for each batch.
FILES = from_arrow_schema(ARROW_FILES)


# What a task holds of its rows before it writes them.
HELD_BYTES = 64 * 1024 * 1024


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
        """Write all rows; yields batches of FILES with a row for each file. `mapInArrow` calls this.

        Rows are held until they take HELD_BYTES, then each group becomes one file. One file is open at a time: events
        of a thousand days would otherwise be a thousand open files, and on S3 as many uploads.
        """
        held: dict[tuple[str, date], list[pa.Table]] = {}
        size = 0
        for batch in batches:
            rows = pa.Table.from_batches([batch])
            for entity in pc.unique(rows["entity"]).to_pylist():
                target = self._targets[entity]
                own = rows.filter(pc.equal(rows["entity"], entity))
                for day, part in _by_day(own, target.time):
                    held.setdefault((entity, day), []).append(part.select(target.columns.names).cast(target.columns))
            size += batch.nbytes
            if size >= HELD_BYTES:
                yield self._written(held)
                held, size = {}, 0
        if held:
            yield self._written(held)

    def _written(self, held: Mapping[tuple[str, date], Sequence[pa.Table]]) -> pa.RecordBatch:
        files = [
            {"entity": entity, **_write(self._targets[entity], day, pa.concat_tables(parts), self._options)}
            for (entity, day), parts in held.items()
        ]
        return pa.RecordBatch.from_pylist(files, schema=ARROW_FILES)


def _by_day(rows: pa.Table, time: str) -> Iterator[tuple[date, pa.Table]]:
    """The rows of each UTC day; sorted once, so that the cost does not grow with the number of days."""
    days = pc.cast(rows[time], pa.date32())
    first, last = pc.min_max(days).as_py().values()
    if first == last:
        if first is not None:
            yield first, rows
        return
    order = pc.sort_indices(days)
    ordered, days = rows.take(order), days.take(order)
    start = 0
    for each in pc.value_counts(days).to_pylist():
        yield each["values"], ordered.slice(start, each["counts"])
        start += each["counts"]


def _write(target: Target, day: date, rows: pa.Table, options: Mapping[str, str]) -> dict[str, Any]:
    """Write one Parquet file; returns the columns of FILES but for `entity`."""
    partition = {"year": str(day.year), "month": str(day.month), "day": str(day.day)}
    folder = "/".join(f"{name}={value}" for name, value in partition.items())
    path = f"{folder}/part-{uuid.uuid4()}.snappy.parquet"
    with _sink(target.uri, path, options) as sink:
        with pq.ParquetWriter(sink, target.columns, compression="snappy") as writer:
            writer.write_table(rows)
        size = sink.tell()
    return {
        "path": path,
        "size": size,
        "modified": int(time.time() * 1000),
        "partition": json.dumps(partition),
        "statistics": json.dumps({"numRecords": rows.num_rows}),
    }


def _sink(uri: str, path: str, options: Mapping[str, str]) -> pa.NativeFile:
    if not options:
        file = Path(uri, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        return pa.OSFile(str(file), "wb")
    from deltalake.fs import DeltaStorageHandler

    # The same storage and credentials as those of the commit.
    return pa_fs.PyFileSystem(DeltaStorageHandler(uri, dict(options))).open_output_stream(path)
