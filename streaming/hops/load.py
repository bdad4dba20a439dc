"""silver -> warehouse: facts and the user dimension, one transaction per micro-batch."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from streaming.loop import Running
from streaming.settings import Settings
from streaming.sources.delta import delta
from streaming.warehouse.connect import open_warehouse
from streaming.warehouse.facts import TARGETS, Loader


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
