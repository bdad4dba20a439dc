"""Repairs of the checkpoint of ingest: each shard continues after the last of its records that bronze holds."""

from __future__ import annotations

from streaming.checkpoints.damage import INGEST, Damage
from streaming.checkpoints.offsets import write_commit, write_plan, write_query_id
from streaming.checkpoints.repair.held_records import end_of
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.shards import Position, Shards
from streaming.files import Files
from streaming.settings import Settings


def has_plan(settings: Settings, damage: Damage) -> bool:
    """Whether the lost `offsets/N` can be written from what is left."""
    return _shards(settings).plan(damage.batch) is not None


def write_lost_plan(settings: Settings, damage: Damage, means: Means) -> str:  # noqa: ARG001 - what every repair takes
    """Write `offsets/N` from the plan before it and from where the batch before it ended."""
    found = _shards(settings).plan(damage.batch)
    if found is not None:
        write_plan(Files(settings), settings.checkpoint(INGEST), damage.batch, found)
    return f"offsets/{damage.batch} is written"


def find_end(settings: Settings, damage: Damage, means: Means) -> str:
    """Write where the batch ended in the shard: after the last record that bronze holds."""
    begin = _shards(settings).without_end(damage.batch)[damage.subject]
    return _write_end(settings, damage.batch, damage.subject, begin, means)


def catch_up_with_bronze(settings: Settings, damage: Damage, means: Means) -> str:
    """Move every shard of the newest batch to where bronze ends.

    Under a new id no later batch is taken for a replay, so the newest one must count as finished.
    """
    files, checkpoint = Files(settings), settings.checkpoint(INGEST)
    done = [
        _write_end(settings, damage.batch, shard, begin, means)
        for shard, begin in _shards(settings).positions(damage.batch).items()
    ]
    write_commit(files, checkpoint, damage.batch)
    write_query_id(files, checkpoint)
    return "; ".join(done)


def _write_end(settings: Settings, batch: int, shard: str, begin: Position, means: Means) -> str:
    shards = _shards(settings)
    stream = shards.stream(batch)
    end = end_of(settings, stream, means.pages(stream, shard, begin)) or begin
    shards.write_end(batch, shard, end)
    return f"{shard} continues at {end.kind} {end.at}".rstrip()


def _shards(settings: Settings) -> Shards:
    return Shards(Files(settings), settings.checkpoint(INGEST))
