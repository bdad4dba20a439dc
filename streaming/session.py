"""The Spark session, with every setting that the job depends on and the reason for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from pyspark.sql import SparkSession

from streaming.settings import Settings

# Needed wherever the job runs: EMR and Glue pass nothing of this by themselves.
JOB: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # Duplicates are remembered on disk, not on the heap; a changelog makes a batch's checkpoint small.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # A watermark otherwise asks for an empty batch after each full one: twice the commits.
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    # Both Kinesis connectors decide what a batch holds while it runs: a second attempt would read other records.
    "spark.speculation": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # 100 by default: five hops together generate more classes than that and would compile them anew for each batch.
    "spark.sql.codegen.cache.maxEntries": "10000",
    # INT96 by default, which other readers take for times without a zone.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Hops share the cores evenly, see supervisor.py.
    "spark.scheduler.mode": "FAIR",
}


def local_configuration(settings: Settings) -> dict[str, str]:
    """What a laptop needs beside JOB: few cores, loopback only, jars by path."""
    cores = str(settings.local_cores or 2)
    return {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",
        # The concurrent collector competes with the hops for two cores.
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.ui.liveUpdate.period": "2s",
        # A third of the machine's CPU went into what PySpark's own daemon has each task do. Not set where the package
        # comes by `--py-files`: that reaches a worker after its daemon has started.
        "spark.python.daemon.module": "streaming.worker_daemon",
        # On a local folder Hadoop's FileContext runs the program `readlink` for each file it renames; these two, for
        # checkpoints and for Delta's log, rename through FileSystem, which runs none.
        "spark.sql.streaming.checkpointFileManagerClass": (
            "org.apache.spark.sql.execution.streaming.FileSystemBasedCheckpointFileManager"
        ),
        "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
        "spark.ui.enabled": str(settings.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
        "spark.jars": ",".join(settings.jars),
        # Threads wait for Kinesis and for Python about half of their time, so there are more of them than cores.
        "spark.sql.shuffle.partitions": str(max(1, int(cores) // 2)),
        # 50 by default: every micro-batch would run 50 tasks over a log of a few rows.
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
    }


def start(settings: Settings) -> SparkSession:
    """The session that the platform gives, or a local one where `local_cores` is set."""
    builder = SparkSession.builder.appName(f"moodstream-{settings.stream}")
    configuration = dict(JOB)
    if settings.local_cores:
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.master(f"local[{settings.local_cores}]")
        configuration |= local_configuration(settings)
    for key, value in configuration.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session


def wall_clock(spark: SparkSession) -> Callable[[], float]:
    """The clock of the JVM, by which Spark waits for the next trigger; seconds since 1970."""

    def now() -> float:
        return float(spark._jvm.java.lang.System.currentTimeMillis()) / 1000  # type: ignore[union-attr]

    return now
