"""silver/labels: the labels that people gave to texts, beside the sentiment that was served.

Written by `moodstream label`. Key: `event_id`; a later label replaces an earlier one and its `source`. The other
columns keep the values of the first label: `labelled_at`, because a version that was trained in between may have learnt
from the text, and the `sentiment` that `model_version` served. Partitioned by the day of the event. The text is stored
here as well, so that neither quality nor training (`--feedback`) has to look it up; so is its author, so that an
erasure finds the row.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "silver/labels"
TABLE = KeyedTable(
    name=NAME,
    key=(("event_id", pa.string()),),
    values=(
        ("event_time", TIMESTAMP),
        ("arrival_time", TIMESTAMP),
        ("entity", pa.string()),
        ("user_id", pa.string()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("labelled_at", TIMESTAMP),
        ("source", pa.string()),
        ("sentiment", pa.string()),
        ("model_version", pa.string()),
    ),
    time="event_time",
    updates=replaced("label", "source"),
    rebuilt=False,
)
