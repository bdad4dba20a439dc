"""The silver tables as one sink: a micro-batch of events goes into the tables that they belong to, side by side.

Guarantee: exactly once per table. A batch that a crash cut in half is replayed; tables that hold it already are left
alone (see sinks/delta.py). The batch is computed once, before anything is written, so a model that fails on it can
still be replaced.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame, SparkSession

from streaming.scoring import Champion
from streaming.settings import Settings
from streaming.sinks.delta import ReplaySafeAppend
from streaming.tables import (
    parsed_events,
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
)

log = logging.getLogger(__name__)

Transform = Callable[[DataFrame], DataFrame]

TABLES: Mapping[str, tuple[str, Transform]] = {
    silver_posts.ENTITY: (silver_posts.NAME, silver_posts.silver_posts),
    silver_comments.ENTITY: (silver_comments.NAME, silver_comments.silver_comments),
    silver_interactions.ENTITY: (silver_interactions.NAME, silver_interactions.silver_interactions),
    silver_user_changes.ENTITY: (silver_user_changes.NAME, silver_user_changes.silver_user_changes),
    parsed_events.REJECTED: (silver_rejected.NAME, silver_rejected.silver_rejected),
}
ROWS_PER_FILE = 200_000


class Silver:
    """Writes the micro-batches of the refine query; made anew for each start of it."""

    def __init__(self, spark: SparkSession, settings: Settings, champion: Champion) -> None:
        self._spark = spark
        self._settings = settings
        self._champion = champion
        self._appends: dict[str, ReplaySafeAppend] = {}

    def __call__(self, events: DataFrame, batch: int) -> None:
        """Score `events` (rows of parsed_events) and append them; what `foreachBatch` calls."""
        began = time.monotonic()
        scored, counts = self._computed(events, batch)
        computed = time.monotonic()
        try:
            with ThreadPoolExecutor(len(TABLES)) as threads:
                writes = [
                    threads.submit(inheritable_thread_target(self._write), scored, batch, entity, rows)
                    for entity, rows in counts.items()
                ]
            for write in writes:
                write.result()
        finally:
            scored.unpersist()
        log.info(
            "batch %d: computed in %.2f s, written in %.2f s", batch, computed - began, time.monotonic() - computed
        )

    def _computed(self, events: DataFrame, batch: int) -> tuple[DataFrame, dict[str, int]]:
        """The scored batch in memory and its rows by entity; falls back on the former model if this one fails."""
        scored = self._champion.score(events, batch).persist()
        try:
            counts = {row["entity"]: row["count"] for row in scored.groupBy("entity").count().collect()}
        except Exception as error:
            scored.unpersist()
            if "ModelUnusable" in str(error) and self._champion.fall_back(batch, _first_line(error)):
                return self._computed(events, batch)
            raise
        return scored, counts

    def _write(self, scored: DataFrame, batch: int, entity: str, rows: int) -> None:
        name, transform = TABLES[entity]
        files = 1 + rows // ROWS_PER_FILE
        self._append_to(name).write(scored.transform(transform).coalesce(files), batch)

    def _append_to(self, name: str) -> ReplaySafeAppend:
        if name not in self._appends:
            # The query's id lives in its checkpoint: a new checkpoint is a new query, and never taken for a replay.
            query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
            self._appends[name] = ReplaySafeAppend(self._settings, name, query)
        return self._appends[name]


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if "ModelUnusable" in line]
    return lines[0].strip() if lines else str(error)[:200]
