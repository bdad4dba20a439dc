"""How far the streaming queries have read, from the checkpoints that Spark writes for them.

Spark writes `offsets/N` before micro-batch N and `commits/N` after it. An offsets file has a line for Spark's version,
a line of metadata and a line for each source. For a Delta table that line is JSON with the id of the table
(`reservoirId`) and the version at which the next batch starts to read (`reservoirVersion`).
"""

from __future__ import annotations

import json
from typing import NamedTuple

from streaming.files import Files


class DeltaOffset(NamedTuple):
    """How far a batch reads one Delta table: to the beginning of `version`, or to some file within it.

    `in_snapshot`: the query is still reading the rows that the table held when it started. They come in no order of
    versions, so that no version counts as read.
    """

    table_id: str
    version: int
    in_snapshot: bool


class Batches(NamedTuple):
    """The micro-batches that a checkpoint holds, by number; Spark keeps the last hundred. `done` lies in `planned`."""

    planned: frozenset[int]
    done: frozenset[int]


def batches(files: Files, checkpoint: str) -> Batches:
    """The batches of the query whose checkpoint is the folder `checkpoint`; none where no query ever began."""
    planned = _numbers(files, f"{checkpoint}/offsets")
    return Batches(planned, planned & _numbers(files, f"{checkpoint}/commits") if planned else planned)


def delta_offsets(files: Files, checkpoint: str, batch: int) -> list[DeltaOffset]:
    """How far `batch` reads each of the query's Delta tables; sources of other kinds are left out."""
    lines = (files.read(f"{checkpoint}/offsets/{batch}") or b"").splitlines()[2:]
    sources = [json.loads(line) for line in lines if line.startswith(b"{")]
    return [
        DeltaOffset(str(source["reservoirId"]), int(source["reservoirVersion"]), bool(source.get("isStartingVersion")))
        for source in sources
        if "reservoirId" in source
    ]


def _numbers(files: Files, folder: str) -> frozenset[int]:
    return frozenset(int(found.name) for found in files.below(folder) if found.name.isdigit())
