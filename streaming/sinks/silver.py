"""The silver tables as one sink: a micro-batch of events goes into the tables that they belong to.

Guarantee: exactly once per table. One Spark job scores a batch and writes the data files of all tables; then one commit
per table, a few milliseconds each, makes them visible. A batch that a crash cut in half is replayed; tables that hold
it already are left alone (see delta/append.py). Nothing is visible before all of the batch is written, so a model that
fails on it can still be replaced.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from streaming import commit_points
from streaming.delta import tables as delta_rs
from streaming.delta.append import FileAppend
from streaming.delta.data_files import FILES, DataFiles, Target
from streaming.scoring.champion import Champion
from streaming.settings import Settings
from streaming.tables.catalog import SILVER, SilverTable
from streaming.tables.columns import PARTITIONS

log = logging.getLogger(__name__)


class Silver:
    """Writes the micro-batches of the refine query; made anew for each start of it."""

    def __init__(self, spark: SparkSession, settings: Settings, champion: Champion) -> None:
        self._spark = spark
        self._settings = settings
        self._champion = champion
        self._appends: dict[str, FileAppend] = {}
        targets = {entity: _target(settings, table) for entity, table in SILVER.items()}
        self._write = DataFiles(targets, delta_rs.storage_options(settings))

    def __call__(self, events: DataFrame, batch: int) -> None:
        """Score `events` (rows of parsed_events) and append them; what `foreachBatch` calls."""
        began = time.monotonic()
        for table in SILVER.values():
            # All of them before anything is read: from then on they refuse a job that lost the lease.
            self._append_to(table.name)
        files = self._written(events, batch)
        written = time.monotonic()
        commit_points.reached("refine.computed")
        for entity, of_entity in files.items():
            append = self._append_to(SILVER[entity].name)
            commit_points.reached("refine.between_tables")
            if not append.holds(batch):
                append.commit(of_entity, batch)
        log.info(
            "batch %d: %d files written in %.2f s, committed in %.2f s",
            batch,
            sum(map(len, files.values())),
            written - began,
            time.monotonic() - written,
        )
        commit_points.reached("refine.written")

    def _written(self, events: DataFrame, batch: int) -> dict[str, list[Row]]:
        """The scored batch as data files, by entity; falls back on the former model if this one fails."""
        # One pass of Python for both: each further one sends all rows to another worker and back.
        write = Scored(self._champion.scorer(batch), self._write)
        files: dict[str, list[Row]] = defaultdict(list)
        try:
            for file in events.mapInArrow(write, FILES).collect():
                files[file.entity].append(file)
        except Exception as error:
            if "ModelUnusable" in str(error) and self._champion.fall_back(batch, _reason(error)):
                return self._written(events, batch)
            raise
        return files

    def _append_to(self, name: str) -> FileAppend:
        if name not in self._appends:
            # The query's id lives in its checkpoint: a new checkpoint is a new query, and never taken for a replay.
            query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
            self._appends[name] = FileAppend(self._settings, name, query)
        return self._appends[name]


@dataclass(frozen=True)
class Scored:
    """Scores Arrow batches, then writes them. Can be pickled, as `score` and `write` must be."""

    score: Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]
    write: DataFiles

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The files that were written; `mapInArrow` calls this."""
        return self.write(self.score(batches))


def _target(settings: Settings, table: SilverTable) -> Target:
    columns = [field for field in to_arrow_schema(table.schema) if field.name not in PARTITIONS]
    return Target(delta_rs.location(settings.table(table.name)), pa.schema(columns), table.time)


def _reason(error: Exception) -> str:
    """What a model did wrong, out of Spark's account of a worker's failure: the source line is in there as well."""
    told = [
        line.partition("ModelUnusable: ")[2].strip() for line in str(error).splitlines() if "ModelUnusable: " in line
    ]
    return told[0] if told else str(error)[:200]
