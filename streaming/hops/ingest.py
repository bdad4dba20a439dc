"""Kinesis -> bronze/events, in one action per micro-batch (see sinks/bronze.py for why no more)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.loop import Running
from streaming.settings import Settings
from streaming.sinks.bronze import Bronze
from streaming.sinks.each_batch import named
from streaming.sources.kinesis import kinesis


def start(spark: SparkSession, settings: Settings) -> Running:
    """Append every record to bronze, exactly once."""
    return (
        kinesis(spark, settings)
        .writeStream.foreachBatch(named("ingest", "Kinesis to bronze", Bronze(spark, settings)))
        .queryName("ingest")
        .option("checkpointLocation", settings.checkpoint("ingest"))
        .trigger(processingTime=f"{settings.ingest_trigger} seconds")
        .start()
    )
