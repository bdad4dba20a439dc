"""The silver tables as one sink: a micro-batch of events goes into the tables that they belong to.

Guarantee: exactly once per table. One Spark job scores a batch and writes the data files of all tables; then one commit
per table, a few milliseconds each, makes them visible. A batch that a crash cut in half is replayed; tables that hold
it already are left alone (see delta/append.py). Nothing is visible before all of the batch is written, so a model that
fails on it can still be replaced.

A batch that has failed three times because of its data is taken apart: the rows at which scoring or writing fails go to
silver/quarantined, and the rest is committed without them. Quarantine comes first, so that no row is in neither.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from streaming import commit_points
from streaming.delta import tables as delta_rs
from streaming.delta.append import FileAppend
from streaming.delta.data_files import FILES, DataFiles, Target
from streaming.quarantine.failures import Failures
from streaming.quarantine.table import Quarantine
from streaming.quarantine.writing import LeavesOut, Write, quarantined_row
from streaming.scoring.champion import Champion
from streaming.settings import Settings
from streaming.tables.catalog import SILVER, SilverTable
from streaming.tables.columns import PARTITIONS
from streaming.tables.parsed_events import QUARANTINED

log = logging.getLogger(__name__)

HOP = "refine"
# Makes what writes the rows of a task, from the tables by entity and the options of their storage.
Files = Callable[[Mapping[str, Target], Mapping[str, str]], Write]


class Silver:
    """Writes the micro-batches of the refine query; made anew for each start of it."""

    def __init__(self, spark: SparkSession, settings: Settings, champion: Champion, files: Files = DataFiles) -> None:
        self._spark = spark
        self._settings = settings
        self._champion = champion
        self._appends: dict[str, FileAppend] = {}
        targets = {entity: _target(settings, table) for entity, table in SILVER.items()}
        self._write = files(targets, delta_rs.storage_options(settings))
        self._failures = Failures(settings, HOP)
        self._quarantine = Quarantine(settings, HOP)

    def __call__(self, events: DataFrame, batch: int) -> None:
        """Score `events` (rows of parsed_events) and append them; what `foreachBatch` calls."""
        began = time.monotonic()
        for table in SILVER.values():
            # All of them before anything is read: from then on they refuse a job that lost the lease.
            self._append_to(table.name)
        try:
            files = self._written(events, batch)
        except Exception as error:
            self._failures.note(error)
            raise
        written = time.monotonic()
        commit_points.reached("refine.computed")
        self._set_aside(files.pop(QUARANTINED, []), batch)
        for entity, of_entity in files.items():
            append = self._append_to(SILVER[entity].name)
            commit_points.reached("refine.between_tables")
            append.commit_unless_held(of_entity, batch)
        log.info(
            "batch %d: %d files written in %.2f s, committed in %.2f s",
            batch,
            sum(map(len, files.values())),
            written - began,
            time.monotonic() - written,
        )
        self._failures.clear()
        commit_points.reached("refine.written")

    def _written(self, events: DataFrame, batch: int) -> dict[str, list[Row]]:
        """The scored batch as data files, by entity; falls back on the former model if this one fails.

        Under QUARANTINED: the rows that are left out.
        """
        apart = self._failures.exhausted
        # One pass of Python for both: each further one sends all rows to another worker and back.
        write = Scored(self._champion.scorer(batch, each=apart), LeavesOut(self._write, taking_apart=apart))
        files: dict[str, list[Row]] = defaultdict(list)
        try:
            for file in events.mapInArrow(write, FILES).collect():
                files[file.entity].append(file)
        except Exception as error:
            if "ModelUnusable" in str(error) and self._champion.fall_back(batch, _reason(error)):
                return self._written(events, batch)
            raise
        return files

    def _set_aside(self, left_out: list[Row], batch: int) -> None:
        if left_out:
            self._quarantine.add([quarantined_row(row.quarantined) for row in left_out], self._query(), batch)
            commit_points.reached("refine.quarantined")

    def _append_to(self, name: str) -> FileAppend:
        if name not in self._appends:
            self._appends[name] = FileAppend(self._settings, name, self._query())
        return self._appends[name]

    def _query(self) -> str:
        # The query's id lives in its checkpoint: a new checkpoint is a new query, and never taken for a replay.
        return self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""


@dataclass(frozen=True)
class Scored:
    """Scores Arrow batches, then writes them. Can be pickled, as `score` and `write` must be."""

    score: Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]
    write: Write

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The files that were written; `mapInArrow` calls this."""
        yield from self.write(self.score(batches))


def _target(settings: Settings, table: SilverTable) -> Target:
    columns = [field for field in to_arrow_schema(table.schema) if field.name not in PARTITIONS]
    return Target(delta_rs.location(settings.table(table.name)), pa.schema(columns), table.time)


def _reason(error: Exception) -> str:
    """What a model did wrong, out of Spark's account of a worker's failure: the source line is in there as well."""
    told = [
        line.partition("ModelUnusable: ")[2].strip() for line in str(error).splitlines() if "ModelUnusable: " in line
    ]
    return told[0] if told else str(error)[:200]
