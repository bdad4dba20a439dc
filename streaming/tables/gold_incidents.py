"""gold/incidents: the life of each incident that the detection found, from its beginning to its end.

Key: `since` (when it began, event time), `incident_id`. A row is replaced while its incident lasts. `posts` holds ids
of events, never texts; `chance` is the false discovery rate of its clearest symptom. Written by the hop `watch`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "gold/incidents"
VALUES = (
    ("found_at", TIMESTAMP),
    ("last_seen", TIMESTAMP),
    ("ended_at", TIMESTAMP),
    ("state", pa.string()),
    ("severity", pa.string()),
    ("cause", pa.string()),
    ("cause_sure", pa.float64()),
    ("why", pa.string()),
    ("chance", pa.float64()),
    ("series", pa.string()),
    ("measure", pa.string()),
    ("usual", pa.float64()),
    ("found", pa.float64()),
    ("new_topic", pa.bool_()),
    ("symptoms", pa.int64()),
    ("topics", pa.list_(pa.string())),
    ("cohorts", pa.list_(pa.string())),
    ("terms", pa.list_(pa.string())),
    ("posts", pa.list_(pa.string())),
)
TABLE = KeyedTable(
    name=NAME,
    key=(("since", TIMESTAMP), ("incident_id", pa.string())),
    values=VALUES,
    time="since",
    updates=replaced(*(name for name, _ in VALUES)),
    # A new query begins with the texts that arrive from then on, so the incidents found before must stay.
    rebuilt=False,
)


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Converts dicts with the table's keys and values to an Arrow table of its schema."""
    fields = pa.schema([*TABLE.key, *TABLE.values])
    made = pa.Table.from_pylist(list(rows), fields)
    return TABLE.rows({name: made[name] for name in fields.names})
