"""The warehouse's facts and user dimension: one transaction per micro-batch of silver.

Guarantee: exactly once. The warehouse's ledger knows each query and batch that it has committed.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from streaming import commit_points
from streaming.tables import (
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_user_changes,
)
from streaming.warehouse.base import Load, Warehouse

TARGETS = {
    "fact_post": silver_posts.NAME,
    "fact_comment": silver_comments.NAME,
    "fact_interaction": silver_interactions.NAME,
    "dim_user": silver_user_changes.NAME,
}


class Loader:
    """Called by `foreachBatch`: loads the batch, whose size the sources limit, through the driver."""

    def __init__(self, spark: SparkSession, warehouse: Warehouse) -> None:
        self._spark = spark
        self._warehouse = warehouse

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Commit the batch; safe to repeat."""
        started_at = datetime.now(UTC)
        collected = batch._collect_as_arrow()
        if not collected:  # the batch's commits added no row
            return
        rows = pa.Table.from_batches(collected)
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        tables = {target: rows.filter(pc.field("target") == target) for target in TARGETS}
        self._warehouse.commit([Load(query, batch_id, tables, started_at)])
        commit_points.reached("load.committed")
