"""silver -> silver/users and gold: every event counted once, in the window that it belongs to, however late."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from streaming.delta.merge import KeyedMerge, created
from streaming.delta.tables import location, storage_options
from streaming.loop import Running
from streaming.settings import Settings
from streaming.sinks.authors import Authors
from streaming.sinks.gold import Gold
from streaming.sources.delta import delta
from streaming.tables.catalog import CONTRIBUTING, KEYED
from streaming.tables.keyed_table import KeyedTable


def start(spark: SparkSession, settings: Settings) -> Running:
    """Keep gold up with silver, exactly once per table; the tables are there before the first batch."""
    for table in KEYED:
        created(table, location(settings.table(table.name)), storage_options(settings))
    streams = [delta(spark, settings, name).transform(contributed) for name, contributed in CONTRIBUTING.items()]
    return (
        reduce(DataFrame.unionByName, streams)
        .writeStream.foreachBatch(Gold(connection(settings), Authors(settings)))
        .queryName("aggregate")
        .option("checkpointLocation", settings.checkpoint("aggregate"))
        .trigger(processingTime=f"{settings.aggregate_trigger} seconds")
        .start()
    )


def connection(settings: Settings) -> Callable[[KeyedTable, str], KeyedMerge]:
    """Opens a keyed table of the lake for a query id."""

    def connect(table: KeyedTable, query: str) -> KeyedMerge:
        uri = location(settings.table(table.name))
        return KeyedMerge(table, uri, storage_options(settings), query, settings.token)

    return connect
