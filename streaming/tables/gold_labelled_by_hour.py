"""gold/labelled_by_hour: confusion counts of model versions on the texts that people labelled.

Key: `hour` of the event, `model_version`, `role` (`champion`: it served the text; `challenger`: it scored it
afterwards). `negative_as_positive` counts the texts with the label negative that the version scored as positive. There
are nine such counts; macro-F1 can be computed from their sums over any hours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, replaced

NAME = "gold/labelled_by_hour"
CHAMPION, CHALLENGER = "champion", "challenger"
LABELS = ("negative", "neutral", "positive")
CELLS = {(label, sentiment): f"{label}_as_{sentiment}" for label in LABELS for sentiment in LABELS}
COUNTS = ("texts", *CELLS.values())
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("model_version", pa.string()), ("role", pa.string())),
    values=tuple((name, pa.int64()) for name in COUNTS),
    time="hour",
    # Its only writer counts all labels again and overwrites the counts, since a label may be corrected or erased.
    updates=replaced(*COUNTS),
    rebuilt=False,
)


def rows(labels: pa.Table, sentiments: pa.ChunkedArray | pa.Array, version: pa.ChunkedArray, role: str) -> pa.Table:
    """Confusion counts by hour and version.

    `labels` has `event_time` and `label`; `sentiments` and `version` have one value for each of its rows: the sentiment
    that was given, and the model version that gave it.
    """
    truth, given = (np.asarray(column.to_pylist(), dtype=object) for column in (labels["label"], sentiments))
    cells = {name: ((truth == label) & (given == as_)).astype(np.int64) for (label, as_), name in CELLS.items()}
    hours = pc.floor_temporal(labels["event_time"], unit="hour")
    each = pa.table({"hour": hours, "model_version": version, "texts": np.ones(len(truth), np.int64), **cells})
    sums = each.group_by(["hour", "model_version"]).aggregate([(name, "sum") for name in COUNTS])
    roles = pa.chunked_array([pa.repeat(pa.scalar(role), sums.num_rows)])
    keys = {"hour": sums["hour"], "model_version": sums["model_version"], "role": roles}
    return TABLE.rows({**keys, **{name: sums[f"{name}_sum"] for name in COUNTS}})


def macro_f1(counts: Mapping[str, int]) -> float:
    """Macro-F1, from 0 to 1, of counts or their sums by column, over the classes that occur; 0 without texts."""
    f1 = []
    for each in LABELS:
        labelled = sum(counts[CELLS[each, other]] for other in LABELS)
        scored = sum(counts[CELLS[other, each]] for other in LABELS)
        if labelled + scored:
            f1.append(2 * counts[CELLS[each, each]] / (labelled + scored))
    return sum(f1) / len(f1) if f1 else 0.0


def totals(counted: pa.Table) -> dict[str, int]:
    """The sums of the counts over rows of the table, by column."""
    return {name: pc.sum(counted[name]).as_py() or 0 for name in COUNTS}
