"""Which silver table an event belongs to. The refine hop appends to all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql.types import StructType

from streaming.tables import (
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
)


class SilverTable(NamedTuple):
    """A table of events of one entity, partitioned by the UTC day of the timestamp column `time`."""

    name: str
    schema: StructType
    time: str = "event_time"


TABLES: Mapping[str, SilverTable] = {
    silver_posts.ENTITY: SilverTable(silver_posts.NAME, silver_posts.SCHEMA),
    silver_comments.ENTITY: SilverTable(silver_comments.NAME, silver_comments.SCHEMA),
    silver_interactions.ENTITY: SilverTable(silver_interactions.NAME, silver_interactions.SCHEMA),
    silver_user_changes.ENTITY: SilverTable(silver_user_changes.NAME, silver_user_changes.SCHEMA),
    # The event time of a rejected event may be what is wrong with it.
    silver_rejected.ENTITY: SilverTable(silver_rejected.NAME, silver_rejected.SCHEMA, "arrival_time"),
}
