"""The EMR releases that the job can run on, and all that differs between them.

The dependency archives are the same for both: wheels for Python 3.11, which both have, without pyspark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One release label. `spark`, `scala`: the lines that jars must be built for. `python`: its Python 3.11.

    `connector`: where a deployment keeps the Kinesis connector, below the uploaded release. EMR has a connector of its
    own, but from 1.4.3 on they lose records when a shard splits, and the job refuses them
    (streaming/sources/connector_build.py). The name differs, so that a jar for the other Scala is never loaded.
    `delta`: Delta's jars, which EMR installs outside Spark's own folder.
    """

    label: str
    spark: str
    scala: str
    connector: str
    delta: tuple[str, str]
    python: str = "/usr/bin/python3.11"


DELTA = ("/usr/share/aws/delta/lib/delta-spark.jar", "/usr/share/aws/delta/lib/delta-storage.jar")
EMR_7 = Release("emr-7.10.0", "3.5", "2.12", "jars/spark-streaming-sql-kinesis-connector.jar", DELTA)
EMR_8 = Release("emr-spark-8.0.0", "4.0", "2.13", "jars/spark-streaming-sql-kinesis-connector_2.13.jar", DELTA)
DEFAULT = EMR_7
RELEASES: Mapping[str, Release] = {release.label: release for release in (EMR_7, EMR_8)}
