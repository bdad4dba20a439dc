"""silver/item_index: where the rows of each post, comment and interaction lie in silver, for deletions and edits.

Written by the hop `retract`. Key: (`item`, `arrival_time`); a row may be there twice after a crash. `item` is a hash of
the kind and the id, `kind` names the table. The day of the event and the time of arrival limit the search in that table
to a few row groups. Partitioned by the day of the event. No text, no id: an erasure need not look here.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import TIMESTAMP

NAME = "silver/item_index"
SCHEMA = pa.schema(
    [
        ("item", pa.int64()),
        ("kind", pa.string()),
        ("arrival_time", TIMESTAMP),
        *((name, pa.int32()) for name in PARTITIONS),
    ]
)
