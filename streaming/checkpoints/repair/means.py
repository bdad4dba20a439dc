"""What repairs need from outside the checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from streaming.checkpoints.shards import Position, Record


@dataclass(frozen=True)
class Means:
    """`pages`: the records of a shard of a stream from a position on (sources/shard_records.py).

    `backfill`: appends to silver what it lacks of the rows of bronze that were ingested from a time on (None: of all),
    up to a version of bronze; returns how many rows.
    """

    pages: Callable[[str, str, Position], Iterator[list[Record]]]
    backfill: Callable[[datetime | None, int], int]
