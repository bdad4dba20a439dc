"""gold -> warehouse: rows that changed since the version in the ledger, all tables in one transaction."""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.loop import Loop, Running
from streaming.settings import Settings
from streaming.warehouse.connect import open_warehouse
from streaming.warehouse.serving import Server


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - what every hop takes
    """Keep the warehouse's aggregates up with gold; raises SinkUnavailable if the warehouse cannot be reached."""
    warehouse = open_warehouse(settings, "serve")
    warehouse.migrate()
    return Loop("serve", Server(settings, warehouse), settings.serve_interval)
