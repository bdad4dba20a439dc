"""gold/shadow_by_hour: the challenger's scores of a share of the texts that the champion scored.

Key: `hour` of the event, `champion_version` (that scored the served row), `challenger_version`. `agreements` counts
texts with the same sentiment; `polarity_difference_sum` adds up |challenger - champion|; `scoring_seconds` is the time
that the challenger took.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables.keyed_table import TIMESTAMP, KeyedTable, added

NAME = "gold/shadow_by_hour"
LABELS = ("negative", "neutral", "positive")
COUNTS = (
    "texts",
    "agreements",
    *(f"champion_{label}" for label in LABELS),
    *(f"challenger_{label}" for label in LABELS),
)
SUMS = ("polarity_difference_sum", "scoring_seconds")
TABLE = KeyedTable(
    name=NAME,
    key=(("hour", TIMESTAMP), ("champion_version", pa.string()), ("challenger_version", pa.string())),
    values=(*((name, pa.int64()) for name in COUNTS), *((name, pa.float64()) for name in SUMS)),
    time="hour",
    updates=added(*COUNTS, *SUMS),
    # A new query starts with the rows that arrive from then on, so the rows counted before must stay.
    rebuilt=False,
)

# The columns of silver/posts and silver/comments that `rows` reads.
SERVED = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_time", TIMESTAMP),
        ("text", pa.string()),
        ("sentiment", pa.string()),
        ("polarity", pa.float64()),
        ("model_version", pa.string()),
    ]
)


def rows(served: pa.Table, scores: pd.DataFrame, challenger: str, seconds: float) -> pa.Table:
    """Converts the scores of one batch to rows of the table.

    `served`: rows of SERVED, all scored; `scores`: the challenger's `sentiment` and `polarity` of the same texts in the
    same order, which took `seconds`.
    """
    champion_scores = np.asarray(served["sentiment"].to_pylist(), dtype=object)
    challenger_scores = scores["sentiment"].to_numpy(dtype=object)
    difference = np.abs(scores["polarity"].to_numpy(dtype=float) - served["polarity"].to_numpy())
    measures = {
        "texts": np.ones(len(scores), dtype=np.int64),
        "agreements": champion_scores == challenger_scores,
        **{f"champion_{label}": champion_scores == label for label in LABELS},
        **{f"challenger_{label}": challenger_scores == label for label in LABELS},
        "polarity_difference_sum": difference,
        "scoring_seconds": np.full(len(scores), seconds / max(len(scores), 1)),
    }
    each = pa.table(
        {
            "hour": pc.floor_temporal(served["event_time"], unit="hour"),
            "champion_version": served["model_version"],
            **{name: values.astype(float if name in SUMS else np.int64) for name, values in measures.items()},
        }
    )
    sums = each.group_by(["hour", "champion_version"]).aggregate([(name, "sum") for name in measures])
    columns = {name: sums[f"{name}_sum"] for name in measures}
    versions = pa.chunked_array([pa.repeat(pa.scalar(challenger), sums.num_rows)])
    keys = {"hour": sums["hour"], "champion_version": sums["champion_version"], "challenger_version": versions}
    return TABLE.rows({**keys, **columns})
