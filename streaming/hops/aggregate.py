"""silver -> gold: every event counted once, in the window that it belongs to, however late."""

from __future__ import annotations

import time
from functools import partial, reduce

from pyspark.sql import DataFrame, SparkSession

from streaming.checkpoints import offsets
from streaming.corrections import journal
from streaming.corrections.counting import HOP
from streaming.delta.merge import created, keyed_merge
from streaming.delta.tables import location, storage_options
from streaming.errors import OperationFailed
from streaming.files import Files
from streaming.loop import Running
from streaming.settings import Settings
from streaming.sinks.authors import Authors
from streaming.sinks.each_batch import named
from streaming.sinks.gold import Gold
from streaming.sources.delta import delta
from streaming.tables.catalog import GOLD, SILVER
from streaming.tables.gold_sums import counted_columns, partial_sums

CORRECTED_WITHIN_S = 60.0
POLL_S = 0.5


def start(spark: SparkSession, settings: Settings) -> Running:
    """Keep gold up with silver, exactly once per table; the tables are there before the first batch."""
    begin(settings)
    for table in GOLD:
        created(table, location(settings.table(table.name)), storage_options(settings))
    streams = [counted_columns(entity, delta(spark, settings, table.name)) for entity, table in SILVER.items()]
    rows = reduce(DataFrame.unionByName, streams)
    if settings.local_cores:
        # Six tables of a file or two each are one task's work, and one task needs no shuffle.
        rows = rows.coalesce(1)
    return (
        rows.transform(partial_sums)
        .writeStream.foreachBatch(named("aggregate", "silver to gold", gold(settings)))
        .queryName(HOP)
        .option("checkpointLocation", settings.checkpoint(HOP))
        .trigger(processingTime=f"{settings.aggregate_trigger} seconds")
        .start()
    )


def gold(settings: Settings) -> Gold:
    """What `foreachBatch` calls."""
    return Gold(partial(keyed_merge, settings), Authors(settings))


def begin(settings: Settings, patience: float = CORRECTED_WITHIN_S) -> None:
    """Before the first batch, which replaces gold: complete corrections, and wait for one that is under way.

    Raises OperationFailed if it still is after `patience` seconds.
    """
    files, checkpoint = Files(settings), settings.checkpoint(HOP)
    if offsets.batches(files, checkpoint).planned:
        return
    # First the id, then the look at the journals: a correction does the same the other way round (counting.py).
    if offsets.query_id(files, checkpoint) is None:
        offsets.write_query_id(files, checkpoint)
    end = time.monotonic() + patience
    while names := _under_way(settings):
        if time.monotonic() >= end:
            raise OperationFailed(
                f"{HOP} counts silver for the first time once {', '.join(names)} has ended; one that was cut off "
                f"ends after {journal.ABANDONED_AFTER_S / 3600:.0f} h"
            )
        time.sleep(POLL_S)


def _under_way(settings: Settings) -> list[str]:
    journal.finish(settings)
    return journal.unfinished(settings)
