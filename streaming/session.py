"""Creates the Spark session, with every setting that the job depends on and the reason for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from pyspark.sql import SparkSession

from streaming.settings import Settings

# Needed wherever the job runs: EMR and Glue set none of these by themselves.
JOB: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    # RocksDB keeps the ids of known events on disk, not on the heap; a changelog makes a batch's checkpoint small.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # To count its rows, the store would look up each key once more before it writes it.
    "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows": "false",
    # Otherwise Spark runs an empty batch after each full one to move the watermark, which doubles the commits.
    "spark.sql.streaming.noDataMicroBatches.enabled": "false",
    # Both Kinesis connectors decide which records a batch has while it runs: a second attempt would read others.
    "spark.speculation": "false",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    # The default is 100. The hops together generate more classes and would compile them again for each batch. Of many
    # more, the heap would keep the class that each batch of refine has of its own, with its watermark (0.15 MB).
    "spark.sql.codegen.cache.maxEntries": "300",
    # Spark 4 would otherwise raise an error where Spark 3.5 makes a null, for a cast or a sum that fails: a row must
    # never stop a query, and both must give the same rows.
    "spark.sql.ansi.enabled": "false",
    # The default is INT96, which other readers take for times without a time zone.
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Hops share the cores evenly; supervisor.py gives each hop a pool.
    "spark.scheduler.mode": "FAIR",
}


# The jar of a local file system that sets the rights of a file in Java. Hadoop's own runs the program `chmod` for each
# file of a checkpoint, some twenty times a second: an event is in silver 7 % later at the 95th percentile.
LOCAL_FILES_JAR = "hadoop-bare-naked-local-fs"
LOCAL_FILES = "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem"


def local_configuration(settings: Settings) -> dict[str, str]:
    """The settings that a laptop needs beside JOB: few cores, loopback addresses only, jars by path."""
    return {
        **_local_files(settings),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "2g",
        # Java's default collector works beside the hops and competes with them for two cores.
        "spark.driver.extraJavaOptions": "-XX:+UseParallelGC",
        "spark.ui.liveUpdate.period": "2s",
        # PySpark's own daemon makes each task do work that took a third of the machine's CPU. A cluster cannot use this
        # module: it gets the package through `--py-files`, which reach a worker only after its daemon has started.
        "spark.python.daemon.module": "streaming.worker_daemon",
        # In a local folder Hadoop's FileContext runs the program `readlink` for each file that it renames. These two
        # classes rename files of checkpoints and of Delta's log through FileSystem, which runs no program.
        "spark.sql.streaming.checkpointFileManagerClass": (
            "org.apache.spark.sql.execution.streaming.FileSystemBasedCheckpointFileManager"
        ),
        "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
        "spark.ui.enabled": str(settings.ui).lower(),
        "spark.ui.showConsoleProgress": "false",
        # The default text of a plan, with a paragraph for each node, takes a tenth of a small batch's planning.
        "spark.sql.ui.explainMode": "simple",
        "spark.jars": ",".join(settings.jars),
        # Tasks wait for Kinesis and for Python about half of their time, so `local_cores` exceeds the machine's cores.
        # Each partition of a shuffle becomes a file in every table of silver, and a batch of a second fits into one.
        "spark.sql.shuffle.partitions": _a_fourth(settings.local_cores or 2),
        # The default is a task for each thread; aggregate reads nine tables, each of a few small files.
        "spark.sql.files.minPartitionNum": _half(settings.local_cores or 2),
        # It plans a query again after each shuffle, to suit what the shuffle brought: here, nothing to choose between.
        "spark.sql.adaptive.enabled": "false",
        # The default is 50: every micro-batch would run 50 tasks over a log of a few rows.
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.ui.retainedExecutions": "20",
        "spark.ui.retainedJobs": "100",
        "spark.ui.retainedStages": "100",
    }


def _a_fourth(cores: int) -> str:
    return str(max(1, cores // 4))


def _half(cores: int) -> str:
    return str(max(1, cores // 2))


def _local_files(settings: Settings) -> dict[str, str]:
    jar = next((jar for jar in settings.jars if LOCAL_FILES_JAR in jar), None)
    # Spark opens the other jars with the class: it must be on the class path before them.
    return {"spark.driver.extraClassPath": jar, "spark.hadoop.fs.file.impl": LOCAL_FILES} if jar else {}


def spare_threads(settings: Settings) -> None:
    """On a laptop, let delta-rs have one thread for four of Spark's; call it before a first table is opened.

    It would start one for each core, and they cost a quarter of the CPU of every small commit by waking each other.
    """
    if settings.local_cores:
        os.environ.setdefault("TOKIO_WORKER_THREADS", _a_fourth(settings.local_cores))


def start(settings: Settings) -> SparkSession:
    """Return the platform's session, or create a local one if `local_cores` is set."""
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
    """Return a function that reads the JVM's clock, which times Spark's triggers; in seconds since 1970."""

    # Found once: each of the names is a search in the JVM.
    system = spark._jvm.java.lang.System  # type: ignore[union-attr]

    def now() -> float:
        return float(system.currentTimeMillis()) / 1000

    return now
