"""silver -> warehouse: facts and the user dimension, one transaction per micro-batch."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from streaming import commit_points
from streaming.loop import Running
from streaming.settings import Settings
from streaming.sources.delta import delta
from streaming.tables import (
    silver_comments,
    silver_interactions,
    silver_posts,
    silver_user_changes,
)
from streaming.warehouse.base import Load, Warehouse, open_warehouse

TARGETS = {
    "fact_post": silver_posts.NAME,
    "fact_comment": silver_comments.NAME,
    "fact_interaction": silver_interactions.NAME,
    "dim_user": silver_user_changes.NAME,
}


def start(spark: SparkSession, settings: Settings) -> Running:
    """Keep facts and users up with silver, exactly once; raises SinkUnavailable if the warehouse cannot be reached."""
    warehouse = open_warehouse(settings)
    warehouse.migrate()
    streams = [
        delta(spark, settings, table).select(F.lit(target).alias("target"), *warehouse.columns(target))
        for target, table in TARGETS.items()
    ]
    return (
        reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), streams)
        .writeStream.foreachBatch(Loader(spark, warehouse))
        .queryName("load")
        .option("checkpointLocation", settings.checkpoint("load"))
        .trigger(processingTime=f"{settings.load_trigger} seconds")
        .start()
    )


class Loader:
    """What `foreachBatch` calls: the batch, bounded by the sources, through the driver into the warehouse."""

    def __init__(self, spark: SparkSession, warehouse: Warehouse) -> None:
        self._spark = spark
        self._warehouse = warehouse

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        """Commit the batch; safe to repeat."""
        started_at = datetime.now(UTC)
        collected = batch._collect_as_arrow()
        if not collected:  # a batch of commits that brought no row
            return
        rows = pa.Table.from_batches(collected)
        query = self._spark.sparkContext.getLocalProperty("sql.streaming.queryId") or ""
        tables = {target: rows.filter(pc.field("target") == target) for target in TARGETS}
        self._warehouse.commit([Load(query, batch_id, tables, started_at)])
        commit_points.reached("load.committed")
