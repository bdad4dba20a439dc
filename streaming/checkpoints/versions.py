"""Each checkpoint carries the version of the hop that wrote it.

Spark refuses a checkpoint whose query has changed in certain ways (other sources, other state) with an error that
names neither the change nor a remedy. When a hop changes in such a way, its version here is raised, and operators get
a sentence. The checkpoint of ingest also names the Kinesis connector: neither connector can read the positions of the
other.
"""

from __future__ import annotations

from collections.abc import Mapping

from streaming.errors import CheckpointVersionError
from streaming.files import Files
from streaming.settings import Settings

# Raise a number when the hop's sources, its state or the meaning of its offsets change; announce it in CHANGELOG.md.
VERSIONS: Mapping[str, int] = {
    "ingest": 1,
    "refine": 1,
    "aggregate": 2,
    "upsert": 1,
    "load": 1,
    "serve": 1,
    "retract": 1,
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
    "upsert": "move the folder away and start",
    "load": "move the folder away and start: facts that the warehouse holds are left alone",
    "serve": "move the folder away and start",
    "retract": "let the old one delete its facts first, until its folder `facts` is empty, then move it away and start",
    "observe": "move the folder away and start: the challenger continues with the texts that arrive from then on",
    "watch": "move the folder away and start",
}


def check(settings: Settings, hop: str) -> None:
    """Write the hop's version beside a new checkpoint; compare it with the version beside an old one.

    Raises CheckpointVersionError if another version of the hop, or another Kinesis connector, wrote the checkpoint.
    """
    files, path = Files(settings), f"{settings.checkpoint(hop)}.version.json"
    connector = {"connector": settings.kinesis_connector} if hop == "ingest" else {}
    written = files.read_json(path)
    if written is None:
        files.write_json(path, {"version": VERSIONS[hop], **connector})
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
