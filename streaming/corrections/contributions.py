"""What a change of silver rows changes in gold: the sums of their contributions, with a sign."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables import catalog, gold_freshness, gold_sentiment_by_cohort
from streaming.tables.gold_contributions import COUNTS, SUMS, counted, summed, with_times
from streaming.tables.gold_sentiment_by_cohort import NO_COHORT, Cohort
from streaming.tables.gold_sums import TEXTS, sums_of
from streaming.tables.keyed_table import KeyedTable

ENTITIES: Mapping[str, str] = {table.name: entity for entity, table in catalog.SILVER.items()}
# Not the lag of batches: no correction changes that.
TABLES: Mapping[str, KeyedTable] = {table.name: table for table in catalog.GOLD if table.name != gold_freshness.NAME}
# Sums of fractions are not exactly 0 after everything was subtracted again.
ROUNDING = 1e-12
MEANS = frozenset({"polarity_mean"})

Row = Mapping[str, Any]
CohortOf = Callable[[Row], Cohort]


class Sums:
    """Signed sums of contributions by gold table and key. `cohort_of` gives the cohort of a post or comment."""

    def __init__(self, cohort_of: CohortOf) -> None:
        self._cohort_of = cohort_of
        self._cohorts: dict[str, Cohort] = {}
        self._parts: list[pa.Table] = []

    def add(self, name: str, rows: pa.Table, sign: int) -> None:
        """Add (`sign` 1) or subtract (-1) the contributions of rows of the silver table `name`."""
        entity, own = ENTITIES[name], counted(rows)
        if entity in TEXTS:
            # One author may have been counted in several cohorts: each row counts as an author of its own.
            place = own.schema.get_field_index("user_id")
            own = own.set_column(place, "user_id", pa.array(self._placed(rows), pa.string()))
        self._parts.append(_signed(sums_of(entity, own), sign))

    def rows(self) -> dict[str, pa.Table]:
        """Gold table -> the rows to *add* to it; keys whose sums are all zero are left out."""
        sums = with_times(summed(self._parts))
        found = {name: rows(sums) for name, rows in catalog.ROWS.items()}
        found[gold_sentiment_by_cohort.NAME] = gold_sentiment_by_cohort.rows(sums, self._cohorts)
        changed = {name: rows.filter(_not_zero(TABLES[name], rows)) for name, rows in found.items()}
        return {name: rows for name, rows in changed.items() if rows.num_rows}

    def _placed(self, rows: pa.Table) -> list[str]:
        """A name for each row, under which its cohort is kept."""
        first = len(self._cohorts)
        names = [str(number) for number in range(first, first + rows.num_rows)]
        of_rows = rows.select(["user_id", "event_time", "arrival_time"]).to_pylist()
        found = (self._cohort_of(row) if row["event_time"] else NO_COHORT for row in of_rows)
        self._cohorts |= zip(names, found, strict=True)
        return names


def _signed(sums: pa.Table, sign: int) -> pa.Table:
    for name in (*COUNTS, *SUMS) if sign < 0 else ():
        sums = sums.set_column(sums.schema.get_field_index(name), name, pc.negate(sums[name]))
    return sums


def _not_zero(table: KeyedTable, rows: pa.Table) -> pa.ChunkedArray:
    values = (rows[name].cast(pa.float64()) for name, _ in table.values if name not in MEANS)
    return reduce(pc.or_, (pc.greater(pc.abs(value), ROUNDING) for value in values))
