"""silver/rescored: the scores that another model version gives to old texts, beside those that were served.

Key: (`rescored_with`, `event_id`). Partitioned by `rescored_with`, then the day of the event.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import TIMESTAMP

NAME = "silver/rescored"
VERSION = "rescored_with"
LABELS = (
    ("sentiment", pa.string()),
    ("polarity", pa.float64()),
    ("confidence", pa.float64()),
    ("language", pa.string()),
    ("unscored_reason", pa.string()),
    ("scored_by", pa.string()),
    ("model_version", pa.string()),
)
SCHEMA = pa.schema(
    [
        (VERSION, pa.string()),
        ("event_id", pa.string()),
        ("entity", pa.string()),
        ("event_time", TIMESTAMP),
        *LABELS,
        *((f"new_{name}", kind) for name, kind in LABELS[:-1]),
        *((name, pa.int32()) for name in PARTITIONS),
    ]
)
