"""silver/retracted: the ledger of deletions and edits: what became of each, and since when.

Written by the hop `retract`. Key: (`event_id`, `item`). `item` is a hash of `kind` and the id. `outcome`: `removed`
(`rows` rows left silver and gold), `unknown` (no such item yet: it is removed when it comes), `repeated` (an earlier
deletion had named the item), `superseded` (a former version of a text left). `event_id` is that of the deletion, of the
item's event where the item came after its deletion, or of the former version. `arrival_time`: since when it could be
done, the later arrival of the two events. Partitioned by the day of the retraction.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.columns import PARTITIONS
from streaming.tables.keyed_table import TIMESTAMP

NAME = "silver/retracted"
REMOVED, UNKNOWN, REPEATED, SUPERSEDED = "removed", "unknown", "repeated", "superseded"
SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("kind", pa.string()),
        ("item", pa.int64()),
        ("outcome", pa.string()),
        ("rows", pa.int32()),
        ("arrival_time", TIMESTAMP),
        ("retracted_at", TIMESTAMP),
        *((name, pa.int32()) for name in PARTITIONS),
    ]
)
