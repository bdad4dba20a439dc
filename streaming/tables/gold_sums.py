"""From rows of silver to the sums that gold is made of: which rows count towards which tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
    contributions,
    summed,
    with_times,
)
from streaming.tables.parsed_events import REJECTED

ENTITY = "entity"
TEXTS = (silver_posts.ENTITY, silver_comments.ENTITY)
_COUNTED_TYPES = {field.name: field.dataType for field in from_arrow_schema(COUNTED)}


def counted_stream(entity: str, rows: DataFrame) -> DataFrame:
    """The columns of silver rows of one entity that gold counts, and the entity; the same columns for all entities."""

    def column(name: str) -> Column:
        if name not in rows.columns:
            return F.lit(None)
        return F.unix_micros(name) if name.endswith("_time") else F.col(name)

    columns = (column(name).cast(kind).alias(name) for name, kind in _COUNTED_TYPES.items())
    return rows.select(F.lit(entity).alias(ENTITY), *columns)


def contributed(rows: DataFrame) -> DataFrame:
    """Sums (SUMMED) of rows that `counted_stream` returned, in one pass of Python; one for each task that met a key."""
    return rows.mapInArrow(sums_of_batches, from_arrow_schema(SUMMED))


def collected(sums: DataFrame) -> pa.Table:
    """One row for each key on the driver, with UTC timestamps. Runs the one Spark job of a micro-batch."""
    columns = [F.sum(name).alias(name) for name in (*COUNTS, *SUMS)]
    columns += [getattr(F, by)(name).alias(name) for name, by in ARRIVALS.items()]
    found = sums.groupBy(*KEY).agg(*columns).toPandas()
    return with_times(pa.Table.from_pandas(found, preserve_index=False))


def sums_of_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """What `mapInArrow` calls: the sums of all batches, each with rows of any entities."""
    parts: list[pa.Table] = []
    for batch in batches:
        rows = pa.Table.from_batches([batch])
        for entity in pc.unique(rows[ENTITY]).to_pylist():
            own = rows.filter(pc.equal(rows[ENTITY], entity))
            parts.append(sums_of(entity, own.select(COUNTED.names)))
    yield from summed(parts).combine_chunks().to_batches()


def sums_of(entity: str, rows: pa.Table) -> pa.Table:
    """The sums (SUMMED) of rows (COUNTED) of one entity.

    A text without a sentiment is left out of all tables about sentiment, so that no mean or share contains it.
    """
    reason = rows["reason"] if entity == REJECTED else ""
    of_all = [gold_quality_by_minute.keys(rows, entity, reason), gold_freshness.keys(rows)]
    if entity == silver_interactions.ENTITY:
        return contributions(rows, gold_engagement_by_minute.keys(rows), *of_all)
    if entity not in TEXTS:
        return contributions(rows, *of_all)
    scored = rows.filter(pc.is_valid(rows["sentiment"]))
    of_sentiment = (
        gold_sentiment_by_minute.keys(scored, entity),
        gold_sentiment_by_topic.keys(scored, entity),
        gold_sentiment_by_model.keys(scored, entity),
        gold_sentiment_by_cohort.keys(scored),
        gold_terms_by_hour.keys(scored),
    )
    of_language = contributions(rows, gold_language_by_hour.keys(rows, entity), *of_all)
    return pa.concat_tables([contributions(scored, *of_sentiment), of_language])
