"""silver/labels: the labels that people gave to texts, beside the sentiment that was served.

Written by `moodstream label` and the dashboard. Key: `event_id`; a later label replaces an earlier one and its
`source`. `second_label` and `second_source` hold what another person said last, so that people can be compared; null
if one person alone labelled the text. The other columns keep the values of the first label: `labelled_at`, because a
version that was trained in between may have learnt from the text, the `sentiment` that `model_version` served, and
`drawn`. That is `random`, or `uncertain` if the text was shown because the model was least certain of it, and null if
that is not known. Such uncertain texts are no fair sample, so they teach a model but do not evaluate one. Partitioned
by the day of the event. The text is stored here as well, so that neither quality nor training (`--feedback`) has to
look it up; so is its author, so that an erasure finds the row.
"""

from __future__ import annotations

import pyarrow as pa

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "silver/labels"
RANDOM, UNCERTAIN = "random", "uncertain"  # values of `drawn`
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
        ("second_label", pa.string()),
        ("second_source", pa.string()),
        ("drawn", pa.string()),
    ),
    time="event_time",
    updates=replaced("label", "source", "second_label", "second_source"),
    rebuilt=False,
)
