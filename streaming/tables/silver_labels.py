"""silver/labels: what people say the mood of a text is, beside what was served; `moodstream label` writes it.

Key: `event_id`; a later label replaces an earlier one and its `source`. All else stays as it was when the text was
labelled first: `labelled_at`, since a version that was trained in between may know the text, and the `sentiment` that
`model_version` served. Partitioned by the day of the event. The text stands here too, so that neither quality nor
training (`--feedback`) has to look it up; so does its author, by whom an erasure finds it.
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
