"""What a jar of the awslabs Kinesis connector is, as far as its file tells: no registry has it, each is built by hand.

The job looks at the loaded class again when it starts (streaming/sources/connector_build.py).
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from deploy.emr.releases import Release

# The class that finds shards. A class file holds the names of its methods as plain text.
SHARD_SYNCER = "org/apache/spark/sql/connector/kinesis/ShardSyncer$.class"
SAFE, LOSES_RECORDS = b"openShards", b"updateShard"
_BUILT_FOR = re.compile(r"META-INF/maven/[^/]+/spark-streaming-sql-kinesis-connector_(\d+\.\d+)/pom\.properties")


@dataclass(frozen=True)
class Build:
    """A jar of the connector. `scala`: the line that it is built for, empty if the jar does not tell."""

    scala: str
    keeps_records: bool


def read(jar: Path) -> Build | None:
    """What the file says about itself; None if it is no jar of this connector."""
    try:
        with zipfile.ZipFile(jar) as archive:
            syncer = archive.read(SHARD_SYNCER)
            told = [found[1] for name in archive.namelist() if (found := _BUILT_FOR.fullmatch(name))]
    except (zipfile.BadZipFile, KeyError):
        return None
    return Build(told[0] if told else "", SAFE in syncer and LOSES_RECORDS not in syncer)


def fault(jar: Path, release: Release) -> str | None:
    """Why the jar cannot be used on the release, as the end of a sentence about it; None if it can."""
    build = read(jar)
    if build is None:
        return "is no jar of the awslabs Kinesis connector"
    if build.scala != release.scala:
        built_for = f"Scala {build.scala}" if build.scala else "a Scala that it does not name"
        return f"is built for {built_for}; {release.label} has Spark {release.spark} with Scala {release.scala}"
    if not build.keeps_records:
        return "loses records when a shard splits, and the job would refuse it"
    return None
