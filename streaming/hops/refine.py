"""bronze/events -> silver: parse, validate, de-duplicate, score; each event into the one table that it belongs to."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession

from streaming.files import Files
from streaming.loop import Running
from streaming.scoring.champion import Champion
from streaming.scoring.registry import MlflowRegistry
from streaming.settings import Settings
from streaming.sinks.each_batch import named
from streaming.sinks.silver import Silver
from streaming.sources.delta import delta
from streaming.tables import bronze_events
from streaming.tables.parsed_events import parsed_events, without_duplicates

Sink = Callable[[SparkSession, Settings, Champion], Callable[[DataFrame, int], None]]


def start(spark: SparkSession, settings: Settings, sink: Sink = Silver) -> Running:
    """Keep silver up with bronze, exactly once. `sink` makes what `foreachBatch` calls."""
    registry = MlflowRegistry(settings.mlflow_uri, settings.model_name)
    champion = Champion(spark, registry, Files(settings), settings.checkpoint("refine-models"))
    return (
        delta(spark, settings, bronze_events.NAME)
        .transform(parsed_events)
        .transform(without_duplicates(settings.duplicate_window))
        .writeStream.foreachBatch(named("refine", "bronze to silver", sink(spark, settings, champion)))
        .queryName("refine")
        .option("checkpointLocation", settings.checkpoint("refine"))
        .trigger(processingTime=f"{settings.refine_trigger} seconds")
        .start()
    )
