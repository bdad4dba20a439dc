"""Checkpoints carry the version of the hop that wrote them.

Spark refuses a checkpoint whose query has changed in certain ways (other sources, other state) with an error that says
neither what changed nor what to do. A hop that changes so gets a higher number here, and operators get a sentence.
That of ingest also names the Kinesis connector, since neither reads the positions of the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import SparkSession

from streaming import storage
from streaming.errors import CheckpointVersionError
from streaming.settings import Settings

# Raise a number when the hop's sources, state or the meaning of its offsets change; say so in CHANGELOG.md.
VERSIONS: Mapping[str, int] = {
    "ingest": 1,
    "refine": 1,
    "aggregate": 1,
    "load": 1,
    "serve": 1,
    "observe": 1,
    "watch": 1,
}

WHAT_TO_DO: Mapping[str, str] = {
    "ingest": "let the old one drain the stream first, then move the folder away and start",
    "refine": (
        "move away silver, gold and every checkpoint but that of ingest, and start: all is computed anew from bronze, "
        "and facts that the warehouse holds are left alone"
    ),
    "aggregate": "move the folder away and start: gold is computed anew from silver",
    "load": "move the folder away and start: facts that the warehouse holds are left alone",
    "serve": "move the folder away and start",
    "observe": "move the folder away and start: the challenger goes on with what comes in from then on",
    "watch": "move the folder away and start",
}


def check(spark: SparkSession, settings: Settings, hop: str) -> None:
    """Mark a new checkpoint with what wrote it; raises CheckpointVersionError if an old one was written by another."""
    path = f"{settings.checkpoint(hop)}.version.json"
    connector = {"connector": settings.kinesis_connector} if hop == "ingest" else {}
    written = storage.read_json(spark, path)
    if written is None:
        storage.write_json(spark, path, {"version": VERSIONS[hop], **connector})
    elif written["version"] != VERSIONS[hop]:
        raise CheckpointVersionError(
            f"the checkpoint {settings.checkpoint(hop)} was written by version {written['version']} of this hop, "
            f"this is version {VERSIONS[hop]}: {WHAT_TO_DO[hop]}"
        )
    elif connector and written.get("connector", settings.kinesis_connector) != settings.kinesis_connector:
        raise CheckpointVersionError(
            f"the checkpoint {settings.checkpoint(hop)} was written with --kinesis-connector {written['connector']}, "
            f"this is {settings.kinesis_connector}: start with that one; to change, {WHAT_TO_DO[hop]}"
        )
