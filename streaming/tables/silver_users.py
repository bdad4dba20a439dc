"""silver/users: the latest profile of each user, by `event_time`, then by position in the stream.

Key: `user_id`. Partitioned by the day of the event that set the profile. Older events that arrive later are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.tables import silver_user_changes
from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import KeyedTable, last_of_each, replaced

NAME = "silver/users"
_FIELDS = tuple(
    (field.name, field.type) for field in to_arrow_schema(silver_user_changes.SCHEMA) if field.name not in PARTITIONS
)
_VALUES = tuple(field for field in _FIELDS if field[0] != "user_id")
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


def follower(table_id: str) -> str:
    """The query id of the hop upsert, whose batch id is a version of the silver/user_changes with this Delta id."""
    return f"upsert/user_changes/{table_id}"


def recency(change: Mapping[str, Any]) -> tuple[Any, ...]:
    """A sort key that orders the profile changes of one user from old to new, as the table's MERGE does."""
    sequence = change.get("sequence_number") or ""
    return change["event_time"], len(sequence), sequence, change.get("record_index") or 0


def latest(changes: pa.Table) -> pa.Table:
    """The newest change of each user among rows of silver/user_changes, as rows of the table."""
    sequence = pc.fill_null(changes["sequence_number"], "")
    order = pa.table(
        {
            "time": changes["event_time"],
            "digits": pc.utf8_length(sequence),
            "sequence": sequence,
            "index": pc.fill_null(changes["record_index"], 0),
        }
    )
    ordered = changes.take(pc.sort_indices(order, [(name, "ascending") for name in order.column_names]))
    newest = last_of_each(ordered, TABLE.key_names)
    return TABLE.rows({name: newest[name] for name, _ in _FIELDS})
