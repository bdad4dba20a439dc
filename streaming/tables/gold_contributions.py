"""What silver rows contribute to gold: the keys that each row counts towards, then one sum per key.

All gold tables are computed in one pass over Arrow tables: in Spark's Python workers for a micro-batch, in the process
of an operation for a correction. Each table's module has `keys`, the aggregation keys of rows in that table, and
`rows`, which converts the sums to rows of the table. The result is bounded by the number of keys, not of events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import chain
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from streaming.tables.keyed_table import TIMESTAMP

KEY = ("table", "time", "key1", "key2")
SENTIMENTS = ("negative", "neutral", "positive")
COUNTS = ("events", *SENTIMENTS, "late")
SUMS = ("polarity_sum", "confidence_sum")
ARRIVALS = {"first_arrival": "min", "last_arrival": "max"}
LATE_AFTER = timedelta(minutes=10)
UNKNOWN = "unknown"

# The columns of silver tables that gold counts. Times are in microseconds since 1970.
COUNTED = pa.schema(
    [
        *((name, pa.int64()) for name in ("event_time", "arrival_time")),
        *((name, pa.string()) for name in ("user_id", "text", "language", "sentiment", "model_version")),
        *((name, pa.float64()) for name in ("polarity", "confidence")),
        *((name, pa.string()) for name in ("action", "reason")),
    ]
)
# One row for each key: its sums, and its first and last arrival.
SUMMED = pa.schema(
    [
        *((name, pa.int64() if name == "time" else pa.string()) for name in KEY),
        *((name, pa.int64()) for name in COUNTS),
        *((name, pa.float64()) for name in SUMS),
        *((name, pa.int64()) for name in ARRIVALS),
    ]
)
MINUTE_US, HOUR_US = 60_000_000, 3_600_000_000

Strings: TypeAlias = pa.Array | pa.ChunkedArray | str


class Keys(NamedTuple):
    """Aggregation keys of rows in the gold table `table`: a time and up to two strings each, or one string for all.

    `places`: (n,) which row each key belongs to; None for one key for each row.
    """

    table: str
    time: pa.ChunkedArray
    key1: Strings = ""
    key2: Strings = ""
    places: npt.NDArray[np.intp] | None = None


def counted(rows: pa.Table) -> pa.Table:
    """The columns COUNTED of rows of any silver table; what a table has not is null."""
    return pa.table({field.name: _counted(rows, field) for field in COUNTED})


def sums_by(rows: pa.Table, *every: Keys) -> pa.Table:
    """One row (SUMMED) for each of the keys of `rows` (COUNTED). Keys without a time are left out.

    A null string becomes `unknown`.
    """
    values = _values(rows)
    return summed([_keyed(values, keys) for keys in every])


def summed(parts: list[pa.Table]) -> pa.Table:
    """The sums of sums (SUMMED) by key."""
    how = [(name, "sum") for name in (*COUNTS, *SUMS)] + list(ARRIVALS.items())
    together = pa.concat_tables([SUMMED.empty_table(), *parts])
    grouped = together.group_by(list(KEY), use_threads=False).aggregate(how)
    return pa.table({**{name: grouped[name] for name in KEY}, **{name: grouped[f"{name}_{by}"] for name, by in how}})


def with_times(sums: pa.Table) -> pa.Table:
    """SUMMED with `time`, `first_arrival` and `last_arrival` as UTC timestamps."""
    for name in ("time", *ARRIVALS):
        place = sums.schema.get_field_index(name)
        sums = sums.set_column(place, name, sums[name].cast(pa.int64()).cast(TIMESTAMP))
    return sums


def of_table(sums: pa.Table, table: str) -> pa.Table:
    """The rows of `sums` that belong to one table."""
    return sums.filter(pc.equal(sums["table"], table))


def measures(table_sums: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    """The value columns of a sentiment table, from its sums; `polarity_mean` is the sum over the count."""
    columns = {name: table_sums[name] for name in ("events", *SENTIMENTS, *SUMS)}
    return {**columns, "polarity_mean": pc.divide(columns["polarity_sum"], columns["events"].cast(pa.float64()))}


def minute(time: pa.ChunkedArray) -> pa.ChunkedArray:
    """The UTC minute of times, all in microseconds since 1970."""
    return floored(time, MINUTE_US)


def hour(time: pa.ChunkedArray) -> pa.ChunkedArray:
    """The UTC hour of times, all in microseconds since 1970."""
    return floored(time, HOUR_US)


def floored(time: pa.ChunkedArray, microseconds: int) -> pa.ChunkedArray:
    """Times since 1970, rounded down to a multiple of `microseconds`."""
    return pc.multiply(pc.divide(time, microseconds), microseconds)


def exploded(
    rows: pa.Table, table: str, time: pa.ChunkedArray, found: Callable[[str], list[str]], key2: str = ""
) -> Keys:
    """A key for each string that `found` finds in the text of a row, at the row's `time`."""
    lists = [found(text) if text else [] for text in rows["text"].to_pylist()]
    places = np.repeat(np.arange(len(lists)), list(map(len, lists)))
    return Keys(table, time.take(pa.array(places)), pa.array(chain.from_iterable(lists), pa.string()), key2, places)


def _counted(rows: pa.Table, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    if field.name not in rows.column_names:
        return pa.nulls(rows.num_rows, field.type)
    column = rows[field.name]
    return column.cast(TIMESTAMP).cast(field.type) if pa.types.is_timestamp(column.type) else column.cast(field.type)


def _values(rows: pa.Table) -> pa.Table:
    """What each row adds to the sums of its keys."""
    event, arrival, sentiment = rows["event_time"], rows["arrival_time"], rows["sentiment"]
    late = pc.greater(arrival, pc.add(event, LATE_AFTER // timedelta(microseconds=1)))
    counts = {
        "events": pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows),
        **{name: _one_if(pc.equal(sentiment, name)) for name in SENTIMENTS},
        "late": _one_if(late),
    }
    sums = {"polarity_sum": _number(rows["polarity"]), "confidence_sum": _number(rows["confidence"])}
    return pa.table({**counts, **sums, "first_arrival": arrival, "last_arrival": arrival})


def _keyed(values: pa.Table, keys: Keys) -> pa.Table:
    own = values if keys.places is None else values.take(pa.array(keys.places))
    columns = {
        "table": pa.repeat(keys.table, own.num_rows),
        "time": keys.time,
        "key1": _known(keys.key1, own.num_rows),
        "key2": _known(keys.key2, own.num_rows),
    }
    keyed = pa.table({**columns, **{name: own[name] for name in own.column_names}}, schema=SUMMED)
    return keyed.filter(pc.is_valid(keyed["time"])) if keys.time.null_count else keyed


def _known(strings: Strings, rows: int) -> pa.Array | pa.ChunkedArray:
    return pa.repeat(strings, rows) if isinstance(strings, str) else pc.fill_null(strings, UNKNOWN)


def _one_if(condition: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(condition, fill_value=False).cast(pa.int64())


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    filled = pc.fill_null(column, 0.0)
    return pc.if_else(pc.is_nan(filled), 0.0, filled)
