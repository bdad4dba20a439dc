"""Every table that the path from bronze to gold writes: what is appended, what is merged by key, what counts where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from streaming.tables import (
    bronze_events,
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
    silver_deletions,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
    silver_users,
)
from streaming.tables.gold_contributions import contributions
from streaming.tables.keyed_table import KeyedTable
from streaming.tables.parsed_events import REJECTED


class SilverTable(NamedTuple):
    """A table of events of one entity, partitioned by the UTC day of the timestamp column `time`."""

    name: str
    schema: StructType
    time: str = "event_time"


# By entity: the table that the refine hop appends its events to.
SILVER: Mapping[str, SilverTable] = {
    silver_posts.ENTITY: SilverTable(silver_posts.NAME, silver_posts.SCHEMA),
    silver_comments.ENTITY: SilverTable(silver_comments.NAME, silver_comments.SCHEMA),
    silver_interactions.ENTITY: SilverTable(silver_interactions.NAME, silver_interactions.SCHEMA),
    silver_user_changes.ENTITY: SilverTable(silver_user_changes.NAME, silver_user_changes.SCHEMA),
    silver_deletions.ENTITY: SilverTable(silver_deletions.NAME, silver_deletions.SCHEMA),
    # Not by event time: that may be what is wrong with a rejected event.
    silver_rejected.ENTITY: SilverTable(silver_rejected.NAME, silver_rejected.SCHEMA, "arrival_time"),
}

# By name: the schemas of the append tables.
APPENDED: Mapping[str, StructType] = {
    bronze_events.NAME: bronze_events.SCHEMA,
    **{table.name: table.schema for table in SILVER.values()},
}

# The keyed tables that the aggregate hop merges into; it creates them itself.
GOLD: tuple[KeyedTable, ...] = (
    gold_sentiment_by_minute.TABLE,
    gold_sentiment_by_topic.TABLE,
    gold_sentiment_by_cohort.TABLE,
    gold_sentiment_by_model.TABLE,
    gold_engagement_by_minute.TABLE,
    gold_quality_by_minute.TABLE,
    gold_terms_by_hour.TABLE,
    gold_language_by_hour.TABLE,
    gold_freshness.TABLE,
)

# And the one of the hop upsert.
KEYED: tuple[KeyedTable, ...] = (silver_users.TABLE, *GOLD)

# By name: how to make a keyed table's rows from a micro-batch's sums, where nothing else is needed.
ROWS: Mapping[str, Callable[[pa.Table], pa.Table]] = {
    module.NAME: module.rows
    for module in (
        gold_sentiment_by_minute,
        gold_sentiment_by_topic,
        gold_sentiment_by_model,
        gold_engagement_by_minute,
        gold_quality_by_minute,
        gold_terms_by_hour,
        gold_language_by_hour,
    )
}


def from_text(entity: str) -> Callable[[DataFrame], DataFrame]:
    """The contributions of rows of silver/posts (entity `post`) or silver/comments (entity `comment`).

    A text without a sentiment is left out of all tables about sentiment, so that no mean or share contains it.
    """

    def contributed(rows: DataFrame) -> DataFrame:
        of_sentiment = (
            gold_sentiment_by_minute.keys(entity),
            gold_sentiment_by_topic.keys(entity),
            gold_sentiment_by_model.keys(entity),
            gold_sentiment_by_cohort.keys(),
            gold_terms_by_hour.keys(),
        )
        scored = (F.when(F.col("sentiment").isNotNull(), keys) for keys in of_sentiment)
        return contributions(rows, *scored, gold_language_by_hour.keys(entity), *_any_event(entity))

    return contributed


def from_interactions(rows: DataFrame) -> DataFrame:
    """The contributions of rows of silver/interactions."""
    entity = silver_interactions.ENTITY
    return contributions(rows, gold_engagement_by_minute.keys(), *_any_event(entity))


def from_user_changes(rows: DataFrame) -> DataFrame:
    """The contributions of rows of silver/user_changes."""
    return contributions(rows, *_any_event(silver_user_changes.ENTITY))


def from_deletions(rows: DataFrame) -> DataFrame:
    """What rows of silver/deletions contribute."""
    return contributions(rows, *_any_event(silver_deletions.ENTITY))


def from_rejected(rows: DataFrame) -> DataFrame:
    """The contributions of rows of silver/rejected."""
    return contributions(rows, *_any_event(REJECTED, F.col("reason")))


# By silver table: what its rows contribute to the keyed tables.
CONTRIBUTING: Mapping[str, Callable[[DataFrame], DataFrame]] = {
    silver_posts.NAME: from_text(silver_posts.ENTITY),
    silver_comments.NAME: from_text(silver_comments.ENTITY),
    silver_interactions.NAME: from_interactions,
    silver_user_changes.NAME: from_user_changes,
    silver_deletions.NAME: from_deletions,
    silver_rejected.NAME: from_rejected,
}


def _any_event(entity: str, reason: Column | None = None) -> tuple[Column, Column]:
    return gold_quality_by_minute.keys(entity, reason), gold_freshness.keys()
