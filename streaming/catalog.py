"""The Delta tables that Spark appends to, and their creation: readers start before the first row is written.

The keyed tables (gold and silver/users) are made by the hop that merges into them, see delta/merge.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql.types import StructType

from streaming.delta.append import create
from streaming.settings import Settings
from streaming.tables import (
    bronze_events,
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_rejected,
    silver_user_changes,
)
from streaming.tables.columns import PARTITIONS

TABLES: Mapping[str, StructType] = {
    module.NAME: module.SCHEMA
    for module in (
        bronze_events,
        silver_posts,
        silver_comments,
        silver_interactions,
        silver_user_changes,
        silver_rejected,
    )
}


def create_tables(settings: Settings) -> None:
    """Make the tables that do not exist yet."""
    for name, schema in TABLES.items():
        create(settings, name, schema, PARTITIONS)
