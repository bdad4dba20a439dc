"""bronze/erased: the records and events that `moodstream erase` removed, so that nothing restores them.

No personal data: positions, event ids, hashes. Key: (`sequence_number`, `record_index`). The audit does not
expect them in any layer, and `moodstream backfill --archive` skips them. Partitioned by the day of the erasure.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import TIMESTAMP

NAME = "bronze/erased"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("erasure", "stream", "sequence_number", "event_id")),
        ("record_index", pa.int32()),
        ("erased_at", TIMESTAMP),
        *((name, pa.int32()) for name in PARTITIONS),
    ]
)
