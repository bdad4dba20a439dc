"""silver -> warehouse: facts and the user dimension, in one transaction for the new versions of all tables."""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.loop import Loop, Running
from streaming.settings import Settings
from streaming.warehouse.connect import open_warehouse
from streaming.warehouse.facts import Loader


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - what every hop takes
    """Keep facts and users up with silver, exactly once; raises SinkUnavailable if the warehouse cannot be reached."""
    warehouse = open_warehouse(settings, "load")
    warehouse.migrate()
    return Loop("load", Loader(settings, warehouse), settings.load_trigger)
