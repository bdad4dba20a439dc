"""Kinesis -> bronze/events, by Delta's native streaming sink and nothing else (see sources/kinesis.py for why)."""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.hops.lifecycle import Running
from streaming.settings import Settings
from streaming.sources.kinesis import kinesis
from streaming.tables import bronze_events
from streaming.tables.columns import PARTITIONS


def start(spark: SparkSession, settings: Settings) -> Running:
    """Append every record to bronze, exactly once."""
    return (
        kinesis(spark, settings)
        .transform(bronze_events.bronze_events)
        .writeStream.format("delta")
        .queryName("ingest")
        .outputMode("append")
        .partitionBy(*PARTITIONS)
        .option("checkpointLocation", settings.checkpoint("ingest"))
        .trigger(processingTime=f"{settings.ingest_trigger} seconds")
        .start(settings.table(bronze_events.NAME))
    )
