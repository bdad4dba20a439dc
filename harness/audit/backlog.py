"""What is still between the layers: records that are not in bronze yet, commits that a query has not read yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from generator import ledger
from streaming.checkpoints import positions
from streaming.checkpoints.offsets import batches, delta_offsets
from streaming.delta.log import parse
from streaming.files import Files
from streaming.tables.lake import OBSERVED

if TYPE_CHECKING:
    from deploy.local.workdir import Workdir

BRONZE = "bronze/events"
# Tables of the hops observe and watch, which the warehouse does not get.
NEVER_SERVED = frozenset(name.removeprefix("gold/") for name in OBSERVED)


def missing(workdir: Workdir) -> list[str]:
    """The acknowledged sequence numbers that bronze does not hold. Reads the ledger and one column of bronze."""
    acknowledged = {entry.ack.sequence_number for entry in ledger.entries(workdir.ledger) if entry.ack}
    return sorted(not_in_bronze(workdir, acknowledged))


def newest(workdir: Workdir) -> set[str]:
    """The last acknowledged sequence number of each shard. Shards are read in order: after it, the shard is read."""
    last: dict[str, str] = {}
    for entry in ledger.entries(workdir.ledger):
        if entry.ack:
            shard, number = entry.ack.shard_id, entry.ack.sequence_number
            last[shard] = max(last.get(shard, ""), number, key=lambda text: (len(text), text))
    return set(last.values())


def not_in_bronze(workdir: Workdir, sequence_numbers: set[str]) -> set[str]:
    """Return those that bronze does not hold. Reads one column of its files, newest first, until all are found."""
    left = set(sequence_numbers)
    files = _newest_first(workdir)
    while left and (file := next(files, None)):
        left.difference_update(_numbers_in(file))
    return left


def unread(workdir: Workdir) -> dict[str, int]:
    """Count, by query, the versions of its tables that it has not finished; queries that are up to date are left out.

    Spark's Delta source keeps in each offset the table's id and the version it has read to (exclusive, or inclusive up
    to an index), and writes a commit when the batch is done. The hops load and retract write down their own positions.
    """
    versions = dict(_versions(workdir.lake))
    behind = {}
    for hop in positions.HOPS:
        reached = positions.read(Files(), str(workdir.checkpoints), hop)
        gaps = (versions[table] - first + 1 for table, first in reached.unread_from.items() if table in versions)
        if gap := sum(max(0, gap) for gap in gaps) + reached.pending:
            behind[hop] = gap
    for offsets in sorted(workdir.checkpoints.glob("*/offsets")):
        if offsets.parent.name in positions.HOPS:  # what Spark left there when it ran such a hop says nothing
            continue
        gap = _gap(offsets.parent, versions)
        if gap:
            behind[offsets.parent.name] = gap
    return behind


def unserved(workdir: Workdir, served: Mapping[str, int]) -> dict[str, int]:
    """Count the versions that the warehouse lacks, by gold table.

    `served`: the highest batch id of each query in `dw.load_ledger`.
    """
    behind = {}
    for table in sorted(workdir.table("gold").glob("*")):
        if table.name in NEVER_SERVED:
            continue
        try:
            delta = DeltaTable(str(table))
        except TableNotFoundError:
            continue
        gap = delta.version() - served.get(f"serve/{table.name}/{delta.metadata().id}", -1)
        if gap > 0:
            behind[table.name] = gap
    return behind


def _newest_first(workdir: Workdir) -> Iterator[str]:
    """The paths of bronze's files.

    Each is read by itself: what delta-rs rewrote has other Arrow types than what the job wrote (string views), and a
    dataset of both cannot be filtered.
    """
    try:
        table = DeltaTable(str(workdir.table(BRONZE)))
    except TableNotFoundError:
        return
    actions = pa.table(table.get_add_actions()).sort_by([("modification_time", "descending")])
    for path in actions["path"].to_pylist():
        yield str(workdir.table(BRONZE) / unquote(path))


def _numbers_in(file: str) -> list[str]:
    try:
        numbers: list[str] = pq.ParquetFile(file).read(["sequence_number"]).column(0).to_pylist()
    except FileNotFoundError:  # rewritten and removed meanwhile: the next look finds its rows
        return []
    return numbers


def _versions(lake: Path) -> Iterator[tuple[str, int]]:
    """Each table's id and the last version that brought rows; readers pass over all others."""
    for log in lake.glob("*/*/_delta_log"):
        try:
            delta = DeltaTable(str(log.parent))
        except TableNotFoundError:
            continue
        yield str(delta.metadata().id), _last_with_rows(log, delta.version())


def _last_with_rows(log: Path, version: int) -> int:
    while version >= 0:
        entry = log / f"{version:020d}.json"
        if not entry.exists() or parse(entry.read_bytes()).appended:
            return version
        version -= 1
    return version


def _gap(checkpoint: Path, versions: Mapping[str, int]) -> int:
    files = Files()
    planned, done = batches(files, str(checkpoint))
    if not planned:
        return 0
    last = max(planned)
    unfinished = 1 if last not in done else 0
    reads = [offset for offset in delta_offsets(files, str(checkpoint), last) if offset.table_id in versions]
    # An offset within a version stands at that version: the whole version counts as unread.
    return unfinished + sum(max(0, versions[offset.table_id] - (offset.version - 1)) for offset in reads)
