"""gold/labelled_by_hour: what models said of the texts that people labelled.

Key: `hour` of the event, `model_version`, `role` (`champion`: it served the text; `challenger`: it scored it
afterwards). `negative_as_positive` counts the texts that people call negative and the version called positive. There
are nine such counts, from whose sums over any hours macro-F1 follows.
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
CELLS = {(label, said): f"{label}_as_{said}" for label in LABELS for said in LABELS}
COUNTS = ("texts", *CELLS.values())
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("model_version", pa.string()), ("role", pa.string())),
    values=tuple((name, pa.int64()) for name in COUNTS),
    time="hour",
    # Its only writer counts the labels anew and overwrites: labels may be corrected or go.
    updates=replaced(*COUNTS),
    rebuilt=False,
)


def rows(labels: pa.Table, said: pa.ChunkedArray | pa.Array, version: pa.ChunkedArray, role: str) -> pa.Table:
    """The table's rows of `labels` (`event_time`, `label`), of each of which `version` said `said`."""
    truth, spoken = (np.asarray(column.to_pylist(), dtype=object) for column in (labels["label"], said))
    cells = {name: ((truth == label) & (spoken == as_)).astype(np.int64) for (label, as_), name in CELLS.items()}
    hours = pc.floor_temporal(labels["event_time"], unit="hour")
    each = pa.table({"hour": hours, "model_version": version, "texts": np.ones(len(truth), np.int64), **cells})
    sums = each.group_by(["hour", "model_version"]).aggregate([(name, "sum") for name in COUNTS])
    roles = pa.chunked_array([pa.repeat(pa.scalar(role), sums.num_rows)])
    keys = {"hour": sums["hour"], "model_version": sums["model_version"], "role": roles}
    return TABLE.rows({**keys, **{name: sums[f"{name}_sum"] for name in COUNTS}})


def macro_f1(counts: Mapping[str, int]) -> float:
    """Macro-F1 of counts (or of sums of them) by column, over the labels that occur on either side; 0 for no texts."""
    f1 = []
    for each in LABELS:
        labelled = sum(counts[CELLS[each, other]] for other in LABELS)
        said = sum(counts[CELLS[other, each]] for other in LABELS)
        if labelled + said:
            f1.append(2 * counts[CELLS[each, each]] / (labelled + said))
    return sum(f1) / len(f1) if f1 else 0.0


def totals(counted: pa.Table) -> dict[str, int]:
    """The counts of the table's rows, added up."""
    return {name: pc.sum(counted[name]).as_py() or 0 for name in COUNTS}
