"""silver/rescored: the labels that another model version gives to history, beside those that are served.

Key: (`rescored_with`, `event_id`). Partitioned by `rescored_with`, then the day of the event.
"""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable

from streaming.settings import Settings
from streaming.sources.delta_rs import location, storage_options
from streaming.tables.columns import PARTITIONS
from streaming.tables.gold_table import TIMESTAMP

NAME = "silver/rescored"
VERSION = "rescored_with"
LABELS = (
    ("sentiment", pa.string()),
    ("polarity", pa.float64()),
    ("confidence", pa.float64()),
    ("model_version", pa.string()),
)
SCHEMA = pa.schema(
    [
        (VERSION, pa.string()),
        ("event_id", pa.string()),
        ("entity", pa.string()),
        ("event_time", TIMESTAMP),
        *LABELS,
        *((f"new_{name}", kind) for name, kind in LABELS[:3]),
        *((name, pa.int32()) for name in PARTITIONS),
    ]
)


def opened(settings: Settings) -> DeltaTable:
    """The table, made empty if there is none."""
    return DeltaTable.create(
        location(settings.table(NAME)),
        schema=SCHEMA,
        mode="ignore",
        partition_by=[VERSION, *PARTITIONS],
        storage_options=storage_options(settings),
    )
