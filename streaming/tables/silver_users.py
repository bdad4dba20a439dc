"""silver/users: the latest profile of each user, by `event_time`, then by position in the stream.

Key: `user_id`. Partitioned by the day of the event that set the profile. Older events that arrive later are ignored.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.tables import silver_user_changes
from streaming.tables.columns import PARTITIONS
from streaming.tables.gold_contributions import key, of_table
from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "silver/users"
_FIELDS = tuple(
    (field.name, field.type) for field in to_arrow_schema(silver_user_changes.SCHEMA) if field.name not in PARTITIONS
)
_VALUES = tuple(field for field in _FIELDS if field[0] != "user_id")
_TIMES = tuple(name for name, kind in _FIELDS if kind == TIMESTAMP)
# Sequence numbers are decimal numbers without leading zeros, so a longer one is greater.
_NEWER = " OR ".join(
    (
        "source.event_time > target.event_time",
        "(source.event_time = target.event_time AND "
        "(character_length(source.sequence_number) > character_length(target.sequence_number)"
        " OR (character_length(source.sequence_number) = character_length(target.sequence_number) AND "
        "(source.sequence_number > target.sequence_number"
        " OR (source.sequence_number = target.sequence_number AND source.record_index > target.record_index)))))",
    )
)
TABLE = KeyedTable(
    name=NAME,
    key=(("user_id", pa.string()),),
    values=_VALUES,
    time="event_time",
    updates=replaced(*(name for name, _ in _VALUES), *PARTITIONS),
    update_when=_NEWER,
    rebuilt=False,
    change_feed=False,
)


def keys() -> Column:
    """Aggregation keys of a profile change: the change itself as JSON, since profiles are not added up."""
    fields = [F.unix_micros(name).alias(name) if name in _TIMES else F.col(name) for name, _ in _FIELDS]
    return F.array(key(NAME, F.col("event_time"), F.col("user_id"), F.to_json(F.struct(*fields))))


def latest(sums: pa.Table) -> list[dict[str, Any]]:
    """The newest profile change of each user in a micro-batch; times in microseconds since 1970."""
    newest: dict[str, dict[str, Any]] = {}
    for text in of_table(sums, NAME)["key2"].to_pylist():
        change = json.loads(text)
        known = newest.get(change["user_id"])
        if known is None or recency(change) > recency(known):
            newest[change["user_id"]] = change
    return list(newest.values())


def recency(change: dict[str, Any]) -> tuple[Any, ...]:
    """A sort key that orders the profile changes of one user from old to new, as the table's MERGE does."""
    sequence = change.get("sequence_number") or ""
    return change["event_time"], len(sequence), sequence, change.get("record_index") or 0


def rows(changes: list[dict[str, Any]]) -> pa.Table:
    """Converts the result of `latest` to rows of the table."""
    columns = {
        name: pa.chunked_array(
            [pa.array([change.get(name) for change in changes], pa.int64() if name in _TIMES else kind)]
        )
        for name, kind in _FIELDS
    }
    return TABLE.rows({name: column.cast(TIMESTAMP) if name in _TIMES else column for name, column in columns.items()})
