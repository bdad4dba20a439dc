"""Delta tables as streaming sources.

Guarantee: a micro-batch that Spark repeats has the same rows, since its offsets are versions of the table.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from streaming.settings import Settings


def delta(spark: SparkSession, settings: Settings, name: str) -> DataFrame:
    """A stream of the rows appended to the table `name`.

    Commits that change rows (erasure, rescoring) are skipped: their rows were emitted before the change.
    """
    return (
        spark.readStream.format("delta")
        .option("skipChangeCommits", "true")
        .option("maxFilesPerTrigger", settings.max_files_per_batch)
        # Files of a backlog are large: a batch of a thousand would keep the next layer waiting for hours.
        .option("maxBytesPerTrigger", f"{settings.max_mb_per_batch}m")
        .load(settings.table(name))
    )
