"""What silver rows contribute to gold: the keys that each row counts towards, then one sum per key.

All gold tables are computed in one pass. Each table's module has `keys`, the aggregation keys of a row in that table,
and `rows`, which converts the sums to rows of the table. So a micro-batch is one Spark job, and its result is bounded
by the number of keys, not of events.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from streaming.tables.keyed_table import TIMESTAMP

KEYS_TYPE = "array<struct<table:string,time:bigint,key1:string,key2:string>>"
KEY = ("table", "time", "key1", "key2")
COUNTS = ("events", "negative", "neutral", "positive", "late")
SUMS = ("polarity_sum", "confidence_sum")
LATE_AFTER = "10 minutes"
UNKNOWN = "unknown"

CONTRIBUTION = (*KEY, *COUNTS, *SUMS, "arrival")


def key(table: str, time: Column, key1: Column | None = None, key2: Column | None = None) -> Column:
    """One aggregation key of `table`: a timestamp column and up to two strings; a null string becomes `unknown`."""
    return F.struct(
        F.lit(table).alias("table"),
        F.unix_micros(time).alias("time"),
        F.coalesce(key1 if key1 is not None else F.lit(""), F.lit(UNKNOWN)).alias("key1"),
        F.coalesce(key2 if key2 is not None else F.lit(""), F.lit(UNKNOWN)).alias("key2"),
    )


def contributions(rows: DataFrame, *keys: Column) -> DataFrame:
    """One row (CONTRIBUTION) per silver row and key.

    `rows` need `event_time` and `arrival_time`; each of `keys` is a column of arrays of `key`.
    """
    late = F.col("arrival_time") > F.col("event_time") + F.expr(f"INTERVAL {LATE_AFTER}")
    scored = "sentiment" in rows.columns
    counts = {
        "events": F.lit(1).cast("long"),
        **{
            name: (F.col("sentiment").eqNullSafe(name) if scored else F.lit(False)).cast("long")
            for name in ("negative", "neutral", "positive")
        },
        "late": F.coalesce(late, F.lit(False)).cast("long"),
        "polarity_sum": _number("polarity") if scored else F.lit(0.0),
        "confidence_sum": _number("confidence") if scored else F.lit(0.0),
        "arrival": F.unix_micros("arrival_time"),
    }
    # No array may be null, as the terms of a null text are: the whole row would be dropped.
    every = (F.coalesce(each.cast(KEYS_TYPE), F.array().cast(KEYS_TYPE)) for each in keys)
    keyed = F.explode(F.concat(*every)).alias("key")
    return (
        rows.select(keyed, *(column.alias(name) for name, column in counts.items()))
        .where(F.col("key.time").isNotNull())
        .select("key.*", *counts)
        .select(*CONTRIBUTION)
    )


def sums(contributed: DataFrame) -> DataFrame:
    """One row per key: its sums, and its first and last arrival in microseconds since 1970."""
    return contributed.groupBy(*KEY).agg(
        *(F.sum(name).alias(name) for name in (*COUNTS, *SUMS)),
        F.min("arrival").alias("first_arrival"),
        F.max("arrival").alias("last_arrival"),
    )


def collected(contributed: DataFrame) -> pa.Table:
    """The sums on the driver; `time`, `first_arrival` and `last_arrival` as UTC timestamps. Runs the one Spark job."""
    table = pa.Table.from_pandas(contributed.transform(sums).toPandas(), preserve_index=False)
    for name in ("time", "first_arrival", "last_arrival"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(pa.int64()).cast(TIMESTAMP))
    return table


def of_table(collected_sums: pa.Table, table: str) -> pa.Table:
    """The rows of `collected_sums` that belong to one table."""
    return collected_sums.filter(pc.equal(collected_sums["table"], table))


def measures(table_sums: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    """The value columns of a sentiment table, from its sums; `polarity_mean` is the sum over the count."""
    columns = {name: table_sums[name] for name in ("events", "negative", "neutral", "positive", *SUMS)}
    return {**columns, "polarity_mean": pc.divide(columns["polarity_sum"], columns["events"].cast(pa.float64()))}


def minute(time: str) -> Column:
    """The UTC minute of a timestamp column."""
    return F.date_trunc("minute", time)


def hour(time: str) -> Column:
    """The UTC hour of a timestamp column."""
    return F.date_trunc("hour", time)


def _number(name: str) -> Column:
    return F.coalesce(F.nanvl(F.col(name), F.lit(0.0)), F.lit(0.0))
