"""silver -> silver, gold, warehouse: deleted items and former versions of texts are taken out while the stream runs.

Guarantee: a deletion takes effect once and for good, whether it comes before its item, after it, or twice; a round that
a crash cut off is repeated safely. No row is emitted again, and no other hop waits.
"""

from __future__ import annotations

from pyspark.sql import SparkSession

from streaming.loop import Loop, Running
from streaming.retraction.retractor import Retractor
from streaming.settings import Settings

FACTS_S = 3.0


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - what every hop takes
    """Retract every `retract_interval` seconds, and in between delete the facts that `load` is past."""
    retractor = Retractor(settings, settings.retract_interval)
    return Loop("retract", retractor, min(FACTS_S, settings.retract_interval))
