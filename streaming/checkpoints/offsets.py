"""How far the streaming queries have read, from the checkpoints that Spark writes for them.

Spark writes `offsets/N` before micro-batch N and `commits/N` after it. An offsets file has a line for Spark's version,
a line of metadata and a line for each source. For a Delta table that line is JSON with the id of the table
(`reservoirId`) and the version at which the next batch starts to read (`reservoirVersion`).
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from streaming.files import Files

# Stands in an offsets file for a source that has no offset yet, such as a table without rows.
NOTHING = "-"


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


class Newest(NamedTuple):
    """The newest micro-batch that a checkpoint knows, and whether it is finished."""

    batch: int
    finished: bool


class Plan(NamedTuple):
    """The content of `offsets/N`: two header lines of Spark, and one offset for each source, in Spark's order."""

    header: tuple[str, str]
    sources: tuple[str, ...]

    def source(self, place: int) -> dict[str, Any]:
        """One source's offset as JSON; empty where there is none yet."""
        line = self.sources[place]
        found: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        return found

    def delta_offsets(self) -> list[DeltaOffset]:
        """How far the batch reads each Delta table."""
        sources = [self.source(place) for place in range(len(self.sources))]
        return [
            DeltaOffset(str(each["reservoirId"]), int(each["reservoirVersion"]), bool(each.get("isStartingVersion")))
            for each in sources
            if "reservoirId" in each
        ]


def batches(files: Files, checkpoint: str) -> Batches:
    """The batches of the query whose checkpoint is the folder `checkpoint`; none where no query ever began."""
    planned = _numbers(files, f"{checkpoint}/offsets")
    return Batches(planned, planned & _numbers(files, f"{checkpoint}/commits") if planned else planned)


def delta_offsets(files: Files, checkpoint: str, batch: int) -> list[DeltaOffset]:
    """How far `batch` reads each of the query's Delta tables; sources of other kinds are left out."""
    found = plan(files, checkpoint, batch)
    return found.delta_offsets() if found else []


def newest(files: Files, checkpoint: str) -> Newest | None:
    """The newest batch, also where only its commit is left; None where no query ever began."""
    planned, finished = (_numbers(files, f"{checkpoint}/{folder}") for folder in ("offsets", "commits"))
    known = planned | finished
    return Newest(max(known), max(known) in finished) if known else None


def plan(files: Files, checkpoint: str, batch: int) -> Plan | None:
    """What `batch` reads; None if the file is missing, or is not what Spark writes (cut off by a crash, say)."""
    lines = (files.read(f"{checkpoint}/offsets/{batch}") or b"").decode(errors="replace").splitlines()
    if len(lines) < 3 or not lines[0].startswith("v"):
        return None
    try:
        for line in lines[1:]:
            if line != NOTHING:
                json.loads(line)
    except ValueError:
        return None
    return Plan((lines[0], lines[1]), tuple(lines[2:]))


def plan_before(files: Files, checkpoint: str, batch: int) -> Plan | None:
    """The plan of the last batch before `batch` that the checkpoint still holds."""
    for number in sorted(_numbers(files, f"{checkpoint}/offsets"), reverse=True):
        if number < batch and (found := plan(files, checkpoint, number)):
            return found
    return None


def write_plan(files: Files, checkpoint: str, batch: int, content: Plan) -> None:
    """Replace `offsets/N`. Hadoop's checksum beside a local file goes first: it would not fit the new content."""
    files.remove(f"{checkpoint}/offsets/.{batch}.crc")
    files.write(f"{checkpoint}/offsets/{batch}", "\n".join([*content.header, *content.sources]).encode())


def is_cut_off(files: Files, checkpoint: str, batch: int) -> bool:
    """Whether `commits/N` is there and is not what Spark writes."""
    content = files.read(f"{checkpoint}/commits/{batch}")
    return content is not None and len(content.splitlines()) < 2


def remove_commit(files: Files, checkpoint: str, batch: int) -> None:
    """Mark a batch as unfinished: it is processed again, and the tables that hold it leave it out."""
    files.remove(f"{checkpoint}/commits/.{batch}.crc")
    files.remove(f"{checkpoint}/commits/{batch}")


def write_commit(files: Files, checkpoint: str, batch: int) -> None:
    """Mark a batch of a query without a watermark as finished."""
    files.remove(f"{checkpoint}/commits/.{batch}.crc")
    files.write(f"{checkpoint}/commits/{batch}", b'v1\n{"nextBatchWatermarkMs":0}')


def query_id(files: Files, checkpoint: str) -> str | None:
    """The id of the query, under which tables remember its batches; None if it is missing or cut off."""
    try:
        return str(json.loads(files.read(f"{checkpoint}/metadata") or b"")["id"])
    except (ValueError, KeyError, TypeError):
        return None


def write_query_id(files: Files, checkpoint: str, identity: str | None = None) -> None:
    """Give the query this id, or a new one: then no table takes its batches for a replay of those under another."""
    files.remove(f"{checkpoint}/.metadata.crc")
    files.write(f"{checkpoint}/metadata", json.dumps({"id": identity or str(uuid.uuid4())}).encode())


def watermark(files: Files, checkpoint: str) -> datetime | None:
    """The query's watermark after its newest finished batch; None if it has none."""
    for batch in sorted(_numbers(files, f"{checkpoint}/commits"), reverse=True)[:1]:
        lines = (files.read(f"{checkpoint}/commits/{batch}") or b"").splitlines()
        milliseconds = json.loads(lines[1])["nextBatchWatermarkMs"] if len(lines) > 1 else 0
        return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
    return None


def _numbers(files: Files, folder: str) -> frozenset[int]:
    return frozenset(int(found.name) for found in files.below(folder) if found.name.isdigit())
