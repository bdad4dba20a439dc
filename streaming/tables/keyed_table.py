"""Keyed tables: their columns, their partitions, and how a new row changes the row with the same key.

Gold tables and silver/users are small and change by key, so they are written by delta-rs without a Spark job
(docs/decisions/020-gold-without-spark.md); their schemas are therefore Arrow schemas. No key column is ever null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

TIMESTAMP = pa.timestamp("us", tz="UTC")
PARTITIONS = ("year", "month", "day")
HOUR_OF_DAY = "hour_of_day"

Fields = tuple[tuple[str, pa.DataType], ...]

MEASURES: Fields = (
    ("events", pa.int64()),
    ("negative", pa.int64()),
    ("neutral", pa.int64()),
    ("positive", pa.int64()),
    ("polarity_sum", pa.float64()),
    ("polarity_mean", pa.float64()),
    ("confidence_sum", pa.float64()),
)
LATE: Fields = (("late", pa.int64()),)

CHANGE_FEED = "delta.enableChangeDataFeed"
PROPERTIES: Mapping[str, str] = {
    # `serve` reads what changed since the version that it loaded last.
    CHANGE_FEED: "true",
    "delta.checkpointInterval": "100",
    # There is a commit every few seconds: nobody reads old versions, and listing them takes time.
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 6 hours",
}


@dataclass(frozen=True)
class KeyedTable:
    """A Delta table with one row per key.

    `time` names the timestamp column whose UTC day partitions the table. `hourly`: its hour does too, so that a MERGE
    into a table with many keys rewrites less. `updates` holds the new value of each column of a matched row, as SQL
    over `source` and `target`; `update_when` is the SQL condition of an update. `rebuilt`: a query that starts from the
    beginning of silver replaces all rows, since it counts everything again. `change_feed`: somebody reads what changed
    since a version; it is a fifth of the cost of a MERGE into a table with many rows.
    """

    name: str
    key: Fields
    values: Fields
    time: str
    updates: Mapping[str, str]
    update_when: str | None = None
    hourly: bool = False
    rebuilt: bool = True
    change_feed: bool = True

    @property
    def partitions(self) -> tuple[str, ...]:
        """The partition columns, outermost first."""
        return (*PARTITIONS, HOUR_OF_DAY) if self.hourly else PARTITIONS

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema: key, values, partition columns."""
        return pa.schema([*self.key, *self.values, *((name, pa.int32()) for name in self.partitions)])

    @property
    def properties(self) -> Mapping[str, str]:
        """The table properties that Delta keeps with the table."""
        return {**PROPERTIES, CHANGE_FEED: str(self.change_feed).lower()}

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(name for name, _ in self.key)

    def rows(self, columns: Mapping[str, pa.ChunkedArray]) -> pa.Table:
        """The table's rows from its key and value columns: cast, in order, with the partition columns."""
        time = columns[self.time]
        parts = {"year": pc.year(time), "month": pc.month(time), "day": pc.day(time), HOUR_OF_DAY: pc.hour(time)}
        available = {**columns, **parts}
        return pa.table({name: available[name] for name in self.schema.names}).cast(self.schema)


def last_of_each(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Of the rows with the same key, the one that stands last."""
    placed = rows.append_column("place", pa.array(range(rows.num_rows), pa.int64()))
    return rows.take(placed.group_by(list(keys)).aggregate([("place", "max")])["place_max"])


def added(*names: str) -> dict[str, str]:
    """Updates that add the source's column to the target's."""
    return {name: f"target.{name} + source.{name}" for name in names}


def replaced(*names: str) -> dict[str, str]:
    """Updates that replace the target's column by the source's."""
    return {name: f"source.{name}" for name in names}


ADD_MEASURES: Mapping[str, str] = {
    **added(*(name for name, _ in MEASURES if name != "polarity_mean")),
    "polarity_mean": "(target.polarity_sum + source.polarity_sum) / (target.events + source.events)",
}
