"""What a change of silver rows changes in gold: the sums of their contributions, with a sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables import catalog, gold_freshness, gold_sentiment_by_cohort
from streaming.tables.gold_contributions import COUNTED, COUNTS, SUMS, Keys, counted, summed, with_times
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort
from streaming.tables.gold_sums import TIMES, sums_of
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable

ENTITIES: Mapping[str, str] = {table.name: entity for entity, table in catalog.SILVER.items()}
# Not the lag of batches: no correction changes that.
TABLES: Mapping[str, KeyedTable] = {table.name: table for table in catalog.GOLD if table.name != gold_freshness.NAME}
# Sums of fractions are not exactly 0 after everything was subtracted again.
ROUNDING = 1e-6
MEANS = frozenset({"polarity_mean"})

Row = Mapping[str, Any]
CohortOf = Callable[[Row], Cohort]


class Sums:
    """Signed sums of contributions by gold table and key. `cohort_of` gives the cohort of a post or comment."""

    def __init__(self, cohort_of: CohortOf) -> None:
        self._cohort_of = cohort_of
        self._parts: list[pa.Table] = []

    def add(self, name: str, rows: pa.Table, sign: int) -> None:
        """Add (`sign` 1) or subtract (-1) the contributions of rows of the silver table `name`.

        Raises KeyError if they lack a column of the table that gold counts.
        """
        entity = ENTITIES[name]
        needed = [field for field in COUNTED.names if field in catalog.APPENDED[name].names]
        sums = sums_of(entity, counted(rows.select(needed)), self._of_cohorts)
        self._parts.append(_signed(sums, sign))

    def rows(self) -> dict[str, pa.Table]:
        """Gold table -> the rows to *add* to it; keys whose sums are all zero are left out."""
        sums = with_times(summed(self._parts))
        found = {name: rows(sums) for name, rows in catalog.ROWS.items()}
        found[gold_sentiment_by_cohort.NAME] = gold_sentiment_by_cohort.rows_by_cohort(sums)
        changed = {name: rows.filter(_not_zero(TABLES[name], rows)) for name, rows in found.items()}
        return {name: rows for name, rows in changed.items() if rows.num_rows}

    def _of_cohorts(self, texts: pa.Table) -> Keys:
        times = {name: texts[name].cast(TIMESTAMP) for name in TIMES}
        rows = pa.table({"user_id": texts["user_id"], **times}).to_pylist()
        found = [self._cohort_of(row) if row["event_time"] else NO_COHORT for row in rows]
        return gold_sentiment_by_cohort.keys_by_cohort(texts, found)


def _signed(sums: pa.Table, sign: int) -> pa.Table:
    for name in (*COUNTS, *SUMS) if sign < 0 else ():
        sums = sums.set_column(sums.schema.get_field_index(name), name, pc.negate(sums[name]))
    return sums


def _not_zero(table: KeyedTable, rows: pa.Table) -> pa.ChunkedArray:
    values = (rows[name].cast(pa.float64()) for name, _ in table.values if name not in MEANS)
    return reduce(pc.or_, (pc.greater(pc.abs(value), ROUNDING) for value in values))
