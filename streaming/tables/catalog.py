"""Every table that the path from bronze to gold writes: what is appended, what is merged by key, what counts where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pyarrow as pa
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
from streaming.tables.keyed_table import KeyedTable


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

# By name: how to make a keyed table's rows from sums, where nothing else is needed.
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
