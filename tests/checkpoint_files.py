"""Checkpoints of Spark's queries, made by hand as Spark and the Kinesis connectors write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyspark.sql.pandas.types import to_arrow_schema

from streaming.tables import catalog

QUERY = "7e0b6f6e-4c53-4d0f-9b52-0d1f4d0f6a01"
HEADER = 'v1\n{"batchWatermarkMs":0,"batchTimestampMs":0,"conf":{}}'
COMMIT = 'v1\n{"nextBatchWatermarkMs":0}'


def a_checkpoint(folder: Path, plans: Mapping[int, list[Any]], finished: int) -> Path:
    """A query's checkpoint: the offsets of its sources by batch (None: no offset yet), finished up to one of them."""
    for name in ("offsets", "commits"):
        (folder / name).mkdir(parents=True)
    (folder / "metadata").write_text(json.dumps({"id": QUERY}))
    for batch, sources in plans.items():
        lines = ["-" if source is None else json.dumps(source) for source in sources]
        (folder / "offsets" / str(batch)).write_text("\n".join([HEADER, *lines]))
        if batch <= finished:
            (folder / "commits" / str(batch)).write_text(COMMIT)
    return folder


def delta_offset(lake: Path, name: str, version: int, *, in_snapshot: bool = False) -> dict[str, Any]:
    """How far a batch reads a table: to the beginning of `version`."""
    identity = str(DeltaTable(str(lake / name)).metadata().id)
    place = {"reservoirVersion": version, "index": -1, "isStartingVersion": in_snapshot}
    return {"sourceVersion": 1, "reservoirId": identity, **place}


def shard_offset(batch: int, **shards: str | None) -> dict[str, Any]:
    """Where a batch begins in each shard: after a sequence number; None for a shard that was read to its end."""
    return {"metadata": {"streamName": "events", "batchId": str(batch)}, **{k: _place(v) for k, v in shards.items()}}


def write_ends(checkpoint: Path, batch: int, **shards: str | None) -> None:
    """Write where a batch of qubole ended in each shard."""
    folder = checkpoint / "sources/0/shard-commit" / str(batch)
    folder.mkdir(parents=True, exist_ok=True)
    for name, number in shards.items():
        (folder / name).write_text(json.dumps({"shardId": name, **_place(number)}))


def hold(lake: Path, name: str, batch: int) -> None:
    """Make a table hold a batch of the query."""
    mark = CommitProperties(app_transactions=[Transaction(QUERY, batch)])
    empty = to_arrow_schema(catalog.APPENDED[name]).empty_table()
    write_deltalake(str(lake / name), empty, mode="append", commit_properties=mark)


def _place(number: str | None) -> dict[str, str]:
    kind = "SHARD_END" if number is None else "AFTER_SEQUENCE_NUMBER"
    return {"iteratorType": kind, "iteratorPosition": number or ""}
