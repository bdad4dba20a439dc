"""From rows of silver to the sums that gold is made of: which rows count towards which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

from streaming.tables import (
    gold_engagement_by_minute,
    gold_freshness,
    gold_language_by_hour,
    gold_quality_by_minute,
    gold_sentiment_by_cohort,
    gold_sentiment_by_minute,
    gold_sentiment_by_model,
    gold_sentiment_by_topic,
    gold_terms_by_hour,
    silver_comments,
    silver_interactions,
    silver_posts,
)
from streaming.tables.gold_contributions import (
    ARRIVALS,
    COUNTED,
    COUNTS,
    KEY,
    SUMMED,
    SUMS,
    Keys,
    summed,
    sums_by,
    with_times,
)
from streaming.tables.parsed_events import REJECTED

ENTITY = "entity"
TEXTS = (silver_posts.ENTITY, silver_comments.ENTITY)
# Stored as timestamps, counted as microseconds since 1970.
TIMES = ("event_time", "arrival_time")
# Sums that a task holds before it adds them up.
AT_ONCE = 200_000

OfCohorts = Callable[[pa.Table], Keys]
_COUNTED_TYPES = {field.name: field.dataType for field in from_arrow_schema(COUNTED)}


def counted_columns(entity: str, rows: DataFrame) -> DataFrame:
    """The columns of silver rows of one entity that gold counts, and the entity; the same columns for all entities."""

    def column(name: str) -> Column:
        if name not in rows.columns:
            return F.lit(None)
        return F.unix_micros(name) if name in TIMES else F.col(name)

    columns = (column(name).cast(kind).alias(name) for name, kind in _COUNTED_TYPES.items())
    return rows.select(F.lit(entity).alias(ENTITY), *columns)


def partial_sums(rows: DataFrame) -> DataFrame:
    """Sums (SUMMED) of rows that `counted_columns` returned, in one pass of Python; one a key and task."""
    return rows.mapInArrow(sums_of_batches, from_arrow_schema(SUMMED))


def collected(sums: DataFrame) -> pa.Table:
    """One row for each key on the driver, with UTC timestamps. Runs the one Spark job of a micro-batch."""
    columns = [F.sum(name).alias(name) for name in (*COUNTS, *SUMS)]
    columns += [getattr(F, by)(name).alias(name) for name, by in ARRIVALS.items()]
    found = sums.groupBy(*KEY).agg(*columns).toPandas()
    return with_times(pa.Table.from_pandas(found, preserve_index=False))


def sums_of_batches(batches: Iterable[pa.RecordBatch], at_once: int = AT_ONCE) -> Iterator[pa.RecordBatch]:
    """What `mapInArrow` calls: the sums of all batches, each with rows of any entities.

    Adds up what it holds whenever that has grown to `at_once` rows, or twice as many keys as there were before.
    """
    parts: list[pa.Table] = []
    known = 0
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        for entity in pc.unique(rows[ENTITY]).to_pylist():
            own = rows.filter(pc.equal(rows[ENTITY], entity))
            parts.append(sums_of(entity, own.select(COUNTED.names)))
        if sum(part.num_rows for part in parts) > max(at_once, 2 * known):
            parts = [summed(parts)]
            known = parts[0].num_rows
    yield from summed(parts).combine_chunks().to_batches()


def sums_of(entity: str, rows: pa.Table, of_cohorts: OfCohorts = gold_sentiment_by_cohort.keys) -> pa.Table:
    """The sums (SUMMED) of rows (COUNTED) of one entity. `of_cohorts`: the keys of scored texts in sentiment_by_cohort.

    A text without a sentiment is left out of all tables about sentiment, so that no mean or share contains it.
    """
    reason = rows["reason"] if entity == REJECTED else ""
    of_all = [gold_quality_by_minute.keys(rows, entity, reason), gold_freshness.keys(rows)]
    if entity == silver_interactions.ENTITY:
        return sums_by(rows, gold_engagement_by_minute.keys(rows), *of_all)
    if entity not in TEXTS:
        return sums_by(rows, *of_all)
    scored = rows.filter(pc.is_valid(rows["sentiment"]))
    of_sentiment = (
        gold_sentiment_by_minute.keys(scored, entity),
        gold_sentiment_by_topic.keys(scored, entity),
        gold_sentiment_by_model.keys(scored, entity),
        of_cohorts(scored),
        gold_terms_by_hour.keys(scored),
    )
    of_language = sums_by(rows, gold_language_by_hour.keys(rows, entity), *of_all)
    return pa.concat_tables([sums_by(scored, *of_sentiment), of_language])
