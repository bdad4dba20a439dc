"""Delta tables as streaming sources: offsets are table versions, so a micro-batch can be recomputed at will."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from streaming.settings import Settings


def delta(spark: SparkSession, settings: Settings, name: str) -> DataFrame:
    """A stream of the rows appended to the table `name`.

    Commits that change rows (erasure) are skipped: what they remove was read before, and nothing is emitted again.
    """
    return (
        spark.readStream.format("delta")
        .option("skipChangeCommits", "true")
        .option("maxFilesPerTrigger", settings.max_files_per_batch)
        .load(settings.table(name))
    )
