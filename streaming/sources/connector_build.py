"""Refuses builds of the awslabs connector that lose records when a shard splits.

A jar of it does not tell its version, and the one that EMR preinstalls may hold changes of its own. But the fault has
a method: from 1.4.3 on, `ShardSyncer.updateShard` marks every closed shard as read to its end, so that what was still
unread in a split shard is never read (docs/decisions/016). Version 1.4.2, which was tried, has `openShards` instead.
It is for Spark 3.5; every version for Spark 4 that has been published has the fault (docs/deploy/spark-versions.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from streaming.errors import PermanentFailure

SHARD_SYNCER = "org.apache.spark.sql.connector.kinesis.ShardSyncer$"
SAFE, LOSES_RECORDS = "openShards", "updateShard"


class Build(NamedTuple):
    """What Spark loaded: the jar's URL, and the names of the methods of the class that finds shards."""

    jar: str
    methods: frozenset[str]


def check(build: Build) -> None:
    """Raise PermanentFailure unless the build keeps what is unread in a split shard."""
    if SAFE in build.methods and LOSES_RECORDS not in build.methods:
        return
    why = "loses records when a shard splits" if LOSES_RECORDS in build.methods else "is a build that nobody has tried"
    raise PermanentFailure(
        f"the Kinesis connector of {build.jar} {why}; expected version 1.4.2, on Spark 4 a build that finds shards as "
        "that one does (docs/deploy/spark-versions.md): name its jar with --jars, and see that no other is on Spark's "
        "class path"
    )


def loaded(spark: SparkSession, shard_syncer: str = SHARD_SYNCER) -> Build:
    """The build whose class `shard_syncer` the driver's class loader finds; without such a class it has no methods."""
    jvm: Any = spark._jvm
    loader = jvm.org.apache.spark.util.Utils.getContextOrSparkClassLoader()
    name = shard_syncer.replace(".", "/") + ".class"
    resource = loader.getResource(name)
    if resource is None:
        return Build("an unknown place", frozenset())
    methods = loader.loadClass(shard_syncer).getDeclaredMethods()
    jar = str(resource.toString()).removeprefix("jar:").removesuffix(f"!/{name}")
    return Build(jar, frozenset(str(method.getName()) for method in methods))
