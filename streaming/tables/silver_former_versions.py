"""silver/former_versions: versions of posts and comments that an edit replaced; their tables hold the newest version.

Written by the hop `retract`, unless `--forget-edits` is set. Key: `event_id`, `event_time`. `item` is a hash of the
kind and the id, `replaced_at` when the version left its table. Neither gold nor the warehouse counts these rows. A
deletion of the item removes them. Partitioned by the day of the event.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "silver/former_versions"
TABLE = KeyedTable(
    name=NAME,
    key=(("event_id", pa.string()), ("event_time", TIMESTAMP)),
    values=(
        ("item", pa.int64()),
        ("kind", pa.string()),
        ("item_id", pa.string()),
        ("user_id", pa.string()),
        ("text", pa.string()),
        ("sentiment", pa.string()),
        ("polarity", pa.float64()),
        ("confidence", pa.float64()),
        ("language", pa.string()),
        ("model_version", pa.string()),
        ("arrival_time", TIMESTAMP),
        ("replaced_at", TIMESTAMP),
    ),
    time="event_time",
    # The same version again, after a crash: what is there already stays.
    updates=replaced("text"),
    rebuilt=False,
)
