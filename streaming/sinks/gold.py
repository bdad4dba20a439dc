"""The gold tables as one sink: a micro-batch of silver becomes one Spark job and small MERGEs.

Guarantee: exactly once per table (see delta/merge.py). A batch that a crash cut in half is replayed; tables that
hold it already are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa
from pyspark.sql import DataFrame

from streaming import commit_points
from streaming.delta.merge import KeyedMerge
from streaming.tables import (
    catalog,
    gold_freshness,
    gold_sentiment_by_cohort,
)
from streaming.tables.gold_sentiment_by_cohort import Cohort
from streaming.tables.gold_sums import collected
from streaming.tables.keyed_table import KeyedTable


class Cohorts(Protocol):
    """Who knows the cohorts of authors."""

    def cohorts(self, users: Iterable[str]) -> Mapping[str, Cohort]:
        """The cohort of each user, by all that silver holds now."""
        ...


class Gold:
    """Writes the micro-batches of the aggregate query; made anew for each start of it.

    `connect` opens a table for a query id.
    """

    def __init__(self, connect: Callable[[KeyedTable, str], KeyedMerge], authors: Cohorts) -> None:
        self._connect = connect
        self._authors = authors
        self._tables: dict[str, KeyedMerge] = {}

    def __call__(self, partial_sums: DataFrame, batch: int) -> None:
        """Add up what the tasks have summed, and merge it; what `foreachBatch` calls."""
        # The query's id lives in its checkpoint: a new checkpoint is a new query, and never taken for a replay.
        query = partial_sums.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        self.write(collected(partial_sums), batch, query)
        commit_points.reached("aggregate.written")

    def write(self, sums: pa.Table, batch: int, query: str) -> None:
        """Bring one batch's sums into every table; freshness last, once the others are committed."""
        if not self._tables:
            self._tables = {table.name: self._connect(table, query) for table in catalog.GOLD}
        cohorts = self._authors.cohorts(gold_sentiment_by_cohort.authors(sums))
        shares = {name: rows(sums) for name, rows in catalog.ROWS.items()}
        shares[gold_sentiment_by_cohort.NAME] = gold_sentiment_by_cohort.rows(sums, cohorts)
        # In a copy of the context, so that the log and the lineage know whose batch a thread merges.
        with ThreadPoolExecutor(len(shares)) as threads:
            merges = [
                threads.submit(copy_context().run, self._apply, name, rows, batch) for name, rows in shares.items()
            ]
        for merge in merges:
            merge.result()
        self._apply(gold_freshness.NAME, gold_freshness.rows(sums, batch, datetime.now(UTC)), batch)

    def _apply(self, name: str, rows: pa.Table, batch: int) -> None:
        self._tables[name].apply(rows, batch)
        commit_points.reached("aggregate.between_tables")
