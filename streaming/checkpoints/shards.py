"""How far the hop ingest has read each shard of the stream, in the files that the Kinesis connectors write.

The line of `offsets/N` says where batch N begins in each shard. A task that reads a shard then writes where it ended,
as the file `sources/0/FOLDER/N/SHARD`, and batch N+1 begins there. If such a file is missing, qubole takes the shard
for a new one and reads it from its oldest record; awslabs reads the shard's part of batch N again.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from streaming.checkpoints.offsets import Plan, plan, plan_before
from streaming.files import Files

# The folder of each connector, by its name in the settings.
FOLDERS = {"qubole": "shard-commit", "aws": "shard-source"}
METADATA = "metadata"
END = "SHARD_END"
AFTER = "AFTER_SEQUENCE_NUMBER"


class Position(NamedTuple):
    """A place in a shard: `kind` as in Kinesis' requests for an iterator, and the sequence number or time, if any."""

    kind: str
    at: str


class Record(NamedTuple):
    """A record of a shard: its sequence number, and when Kinesis received it (an aware time)."""

    number: str
    arrived: datetime


class Shards:
    """The shards of an ingest checkpoint in the folder `checkpoint`."""

    def __init__(self, files: Files, checkpoint: str) -> None:
        self._files = files
        self._checkpoint = checkpoint
        sources = f"{checkpoint}/sources/0"
        present = set(files.folders(sources))
        self._connector = next((name for name, folder in FOLDERS.items() if folder in present), "qubole")
        self._folder = f"{sources}/{FOLDERS[self._connector]}"

    def plan(self, batch: int) -> Plan | None:
        """`offsets/N`, or what it must have held where it is lost; None if no plan of a batch before it is left."""
        found = plan(self._files, self._checkpoint, batch)
        return found or self._plan_anew(batch)

    def without_end(self, batch: int) -> dict[str, Position]:
        """The shards that `batch` read and whose end is not written down, each with where the batch began."""
        ends = self._ends(batch)
        return {name: place for name, place in _open(_shards(self.plan(batch))).items() if name not in ends}

    def positions(self, batch: int) -> dict[str, Position]:
        """The shards that were not read to their end, each with where `batch` ended, or else where it began."""
        return _open({**_shards(self.plan(batch)), **self._ends(batch)})

    def stream(self, batch: int) -> str:
        """The name of the stream that `batch` reads; empty if no plan is left."""
        found = self.plan(batch)
        return str(found.source(0)[METADATA]["streamName"]) if found else ""

    def write_end(self, batch: int, shard: str, position: Position) -> None:
        """Write down that `batch` ended there in the shard."""
        folder = f"{self._folder}/{batch}"
        content: dict[str, Any] = {"shardId": shard, "iteratorType": position.kind, "iteratorPosition": position.at}
        if self._connector == "aws":  # the whole of a record made of several was read
            content |= {"subSequenceNumber": -1, "isLast": True}
        self._files.remove(f"{folder}/.{shard}.crc")  # Hadoop's checksum of the old content
        self._files.write(f"{folder}/{shard}", json.dumps(content).encode())

    def _plan_anew(self, batch: int) -> Plan | None:
        """The last plan before it, moved on to where the batch before it ended; else the plan after it.

        The connectors read the shards of a finished batch from its ends alone, and nothing of the batch before.
        """
        before = plan_before(self._files, self._checkpoint, batch) or plan(self._files, self._checkpoint, batch + 1)
        if before is None:
            return None
        metadata = {**before.source(0)[METADATA], "batchId": str(batch)}
        moved = {**_shards(before), **self._ends(batch - 1)}
        return before._replace(sources=(json.dumps({METADATA: metadata, **moved}),))

    def _ends(self, batch: int) -> dict[str, dict[str, str]]:
        """Where `batch` ended in each shard, in the form of a line of offsets; without files that a crash cut off."""
        folder, found = f"{self._folder}/{batch}", {}
        for file in self._files.below(folder):
            if file.name.startswith("."):
                continue
            try:
                end = json.loads(self._files.read(f"{folder}/{file.name}") or b"")
                found[file.name] = {key: _text(value) for key, value in end.items() if key != "shardId"}
            except (ValueError, AttributeError):
                continue
        return found


def _shards(found: Plan | None) -> dict[str, dict[str, str]]:
    return {name: place for name, place in found.source(0).items() if name != METADATA} if found else {}


def _open(shards: dict[str, dict[str, str]]) -> dict[str, Position]:
    places = {name: Position(place["iteratorType"], place["iteratorPosition"]) for name, place in shards.items()}
    return {name: place for name, place in places.items() if place.kind != END}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
