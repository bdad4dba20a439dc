"""Which silver table counts for which gold tables, and every table that the aggregate hop writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from streaming.tables import (
    gold_engagement_by_minute,
    gold_freshness,
    gold_quality_by_minute,
    gold_sentiment_by_cohort,
    gold_sentiment_by_minute,
    gold_sentiment_by_model,
    gold_sentiment_by_topic,
    gold_terms_by_hour,
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
    silver_users,
)
from streaming.tables.gold_contributions import contributions
from streaming.tables.keyed_table import KeyedTable
from streaming.tables.parsed_events import REJECTED

TABLES: tuple[KeyedTable, ...] = (
    silver_users.TABLE,
    gold_sentiment_by_minute.TABLE,
    gold_sentiment_by_topic.TABLE,
    gold_sentiment_by_cohort.TABLE,
    gold_sentiment_by_model.TABLE,
    gold_engagement_by_minute.TABLE,
    gold_quality_by_minute.TABLE,
    gold_terms_by_hour.TABLE,
    gold_freshness.TABLE,
)

# The tables whose rows follow from a batch's sums alone.
ROWS: Mapping[str, Callable[[pa.Table], pa.Table]] = {
    module.NAME: module.rows
    for module in (
        gold_sentiment_by_minute,
        gold_sentiment_by_topic,
        gold_sentiment_by_model,
        gold_engagement_by_minute,
        gold_quality_by_minute,
        gold_terms_by_hour,
    )
}


def from_text(entity: str) -> Callable[[DataFrame], DataFrame]:
    """What rows of silver/posts or silver/comments contribute."""

    def contributed(rows: DataFrame) -> DataFrame:
        return contributions(
            rows,
            gold_sentiment_by_minute.keys(entity),
            gold_sentiment_by_topic.keys(entity),
            gold_sentiment_by_model.keys(entity),
            gold_sentiment_by_cohort.keys(),
            gold_terms_by_hour.keys(),
            *_any_event(entity),
        )

    return contributed


def from_interactions(rows: DataFrame) -> DataFrame:
    """What rows of silver/interactions contribute."""
    entity = silver_interactions.ENTITY
    return contributions(rows, gold_engagement_by_minute.keys(), *_any_event(entity))


def from_user_changes(rows: DataFrame) -> DataFrame:
    """What rows of silver/user_changes contribute."""
    return contributions(rows, silver_users.keys(), *_any_event(silver_user_changes.ENTITY))


def from_rejected(rows: DataFrame) -> DataFrame:
    """What rows of silver/rejected contribute."""
    return contributions(rows, *_any_event(REJECTED, F.col("reason")))


CONTRIBUTING: Mapping[str, Callable[[DataFrame], DataFrame]] = {
    silver_posts.NAME: from_text(silver_posts.ENTITY),
    silver_comments.NAME: from_text(silver_comments.ENTITY),
    silver_interactions.NAME: from_interactions,
    silver_user_changes.NAME: from_user_changes,
    silver_rejected.NAME: from_rejected,
}


def _any_event(entity: str, reason: Column | None = None) -> tuple[Column, Column]:
    return gold_quality_by_minute.keys(entity, reason), gold_freshness.keys()
