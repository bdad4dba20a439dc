"""Looks for damage in a hop's checkpoint before the hop starts, so that it is named and not met as an odd error.

Spark continues a query from its two newest `offsets/N`, the hop ingest also from the end of each shard in the newest
batch, refine from the ids of known events, and the queries over Delta tables need the versions and files that they have
not read. A batch that a hop's
tables hold and its checkpoint does not know would be left out: its rows would be taken for a replay.

Loops (upsert, load, serve, retract, observe, watch) keep small JSON files instead. They begin anew without them, and
recover by themselves from files that were vacuumed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from deltalake.exceptions import TableNotFoundError

from streaming.checkpoints.offsets import NOTHING, Newest, is_cut_off, newest, plan, query_id
from streaming.checkpoints.shards import Shards
from streaming.checkpoints.state import Partition, partitions
from streaming.checkpoints.unread import missing
from streaming.delta.tables import open_table
from streaming.errors import CheckpointDamaged
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import bronze_events, catalog

INGEST, REFINE, AGGREGATE = "ingest", "refine", "aggregate"
# The Delta tables that each query reads, and those whose commits carry its batches.
READS: Mapping[str, tuple[str, ...]] = {
    INGEST: (),
    REFINE: (bronze_events.NAME,),
    AGGREGATE: tuple(table.name for table in catalog.SILVER.values()),
}
WRITES: Mapping[str, tuple[str, ...]] = {
    INGEST: (bronze_events.NAME,),
    REFINE: tuple(table.name for table in catalog.SILVER.values()),
    AGGREGATE: tuple(table.name for table in catalog.GOLD),
}

COMMIT, IDENTITY, PLAN, SHARD = "commit", "identity", "plan", "shard"
UNREAD, OTHER_TABLE, BEHIND, STATE = "unread", "other table", "behind", "state"


class Damage(NamedTuple):
    """One thing that is wrong with the checkpoint of `hop`; `found` is a sentence.

    `kind`: COMMIT (`commits/N` is cut off; `batch` is N), IDENTITY (the query's id is lost while a batch is under way),
    PLAN (`offsets/N` is lost), SHARD (the end of shard `subject` in `batch` is lost), UNREAD (the
    table `subject` lacks what the query has still to read), OTHER_TABLE (`subject` is not the table that it has read),
    BEHIND (the table `subject` holds later batches than `batch`, the newest one of the checkpoint) or STATE (the
    partition `subject` of the state after `batch` cannot be loaded).
    """

    hop: str
    kind: str
    found: str
    batch: int
    subject: str = ""


def check(settings: Settings, hop: str) -> None:
    """Raise CheckpointDamaged, with the command that repairs it, if the hop cannot go on from its checkpoint."""
    for damage in damages(settings, hop):
        place = f"--lake {settings.lake} --checkpoints {settings.checkpoints}"
        raise CheckpointDamaged(
            f"{settings.checkpoint(hop)}: {damage.found}; `moodstream checkpoints repair {hop} {place}` tells what a "
            "repair does and costs, and does it with --yes"
        )


def damages(settings: Settings, hop: str) -> Iterator[Damage]:
    """Everything that is wrong with the hop's checkpoint; nothing where the hop never ran."""
    if hop not in READS:
        return
    files, checkpoint = Files(settings), settings.checkpoint(hop)
    held = _held(settings, files, hop)  # first of all: a hop that runs moves on meanwhile, but its tables never lead
    last = newest(files, checkpoint)
    if last is None:
        if held:
            yield Damage(hop, PLAN, f"all of its offsets are missing, though {next(iter(held))} holds its batches", 0)
        return
    if is_cut_off(files, checkpoint, last.batch):
        yield Damage(hop, COMMIT, f"commits/{last.batch} is cut off, so that Spark cannot go on", last.batch)
    elif not last.finished and query_id(files, checkpoint) is None:
        what = "the file metadata is missing or cut off, by whose id the tables know which batches they hold"
        yield Damage(hop, IDENTITY, what, last.batch)
    lost = [number for number in (last.batch - 1, last.batch) if number >= 0 and not plan(files, checkpoint, number)]
    yield from _behind(hop, held, last, is_planned=last.finished or last.batch not in lost)
    for number in lost:
        yield Damage(hop, PLAN, f"offsets/{number} is missing or cut off, without which Spark cannot go on", number)
    if hop == INGEST:
        yield from _shards(settings, files, held, last)
    elif not lost:
        yield from _tables(settings, files, hop, last)
        if hop == REFINE:
            yield from _state(settings, files, last)


def _behind(hop: str, found: Mapping[str, int], last: Newest, *, is_planned: bool) -> Iterator[Damage]:
    """A batch that had begun, and whose plan is lost, is known to ingest alone: it does not read it again."""
    known = last.batch if is_planned or hop == INGEST else last.batch - 1
    for name, held in found.items():
        if held > known:
            what = f"the checkpoint ends with batch {known}, but {name} holds batch {held}: an older copy was put back"
            yield Damage(hop, BEHIND, what, last.batch, name)
            return  # one repair for all tables


def _held(settings: Settings, files: Files, hop: str) -> dict[str, int]:
    """The newest batch of the query that each of its tables holds."""
    query, found = query_id(files, settings.checkpoint(hop)), {}
    for name in WRITES[hop] if query else ():
        with suppress(TableNotFoundError):
            held = open_table(settings, name).transaction_version(query or "")
            if held is not None:
                found[name] = int(held)
    return found


def _shards(settings: Settings, files: Files, held: Mapping[str, int], last: Newest) -> Iterator[Damage]:
    if not last.finished and held.get(bronze_events.NAME, -1) < last.batch:
        return  # the batch is read again, and writes the ends itself
    for shard in Shards(files, settings.checkpoint(INGEST)).without_end(last.batch):
        found = f"the position of {shard} after batch {last.batch} is missing or cut off"
        yield Damage(INGEST, SHARD, found, last.batch, shard)


def _tables(settings: Settings, files: Files, hop: str, last: Newest) -> Iterator[Damage]:
    """Of the tables that the query reads: what is missing after the last finished batch."""
    begin = plan(files, settings.checkpoint(hop), last.batch if last.finished else last.batch - 1)
    if begin is None:
        return
    offsets = {each.table_id: each for each in begin.delta_offsets()}
    # A table without rows has no offset yet.
    without_offset = begin.sources.count(NOTHING)
    for name in READS[hop]:
        identity = str(open_table(settings, name).metadata().id)
        if identity in offsets:
            if found := missing(settings, name, offsets[identity]):
                yield Damage(hop, UNREAD, found, last.batch, name)
        elif without_offset:
            without_offset -= 1
        else:
            yield Damage(hop, OTHER_TABLE, f"{name} is not the table that the query has read", last.batch, name)


def _state(settings: Settings, files: Files, last: Newest) -> Iterator[Damage]:
    """Of the ids that refine knows after the last finished batch: the partitions that Spark cannot load."""
    checkpoint, finished = settings.checkpoint(REFINE), last.batch if last.finished else last.batch - 1
    begin = plan(files, checkpoint, finished) if finished >= 0 else None
    for subject in partitions(begin) if begin else ():
        if wrong := Partition(files, f"{checkpoint}/{subject}").wrong(finished + 1):
            found = f"{subject}/{wrong}, without which Spark cannot load the ids of known events"
            yield Damage(REFINE, STATE, found, finished, subject)
