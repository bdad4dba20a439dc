"""Applies a correction, a change of silver rows with its difference in gold, exactly once, while the stream runs.

Gold is a sum, so a change is applied to it as a *difference*: the contributions of the new rows minus those of the old
ones. Gold is never overwritten, and sums do not depend on their order, so it does not matter whether the aggregate hop
counts a row before or after the correction. (The alternative, to recompute the keys, would need to know exactly which
silver rows the hop had counted at that moment.)

Guarantee: the difference is written to a journal before silver changes. The commits of silver and of each gold table
carry the correction's id as a Delta application transaction. If the process ends at any point, either nothing has
changed, or `finish` completes the correction; nothing is applied twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties
from deltalake.exceptions import CommitFailedError

from streaming import commit_points
from streaming.corrections import counting, keyed_tables
from streaming.corrections.cohorts import cohorts
from streaming.corrections.contributions import ENTITIES, TABLES, Sums
from streaming.delta.log import read_entry
from streaming.delta.tables import open_table
from streaming.errors import OperationFailed
from streaming.files import Files
from streaming.settings import Settings
from streaming.tables import silver_comments, silver_posts
from streaming.tables.columns import PARTITIONS

JOURNAL = "_operations"
ATTEMPTS = 20
# A journal whose silver commit is missing may belong to a running process; after this long its process has ended.
ABANDONED_AFTER_S = 3600.0
# A name of its own tells files whose commit failed from files that other writers are about to commit.
REWRITTEN = WriterProperties(compression="ZSTD")
REWRITTEN_NAME = ".zstd.parquet"
TEXTS = (silver_posts.NAME, silver_comments.NAME)


@dataclass(frozen=True)
class Change:
    """A change of rows of one silver table in one commit.

    `old`: the present rows, with all columns that gold counts; `new`: the rows that replace them (None: they are
    deleted). `source` has one row per changed row, with the columns of `key` and the partition columns. `updates` maps
    columns to their new value, as SQL over `source` and `target` (empty: rows are deleted); `delete_when` is the SQL
    condition of rows to delete instead. With `where`, the SQL condition of exactly the rows `old`, they are deleted
    without a join: only files that hold one of them are read whole. `again`: the operation chooses again after this
    change, so rows which others append meanwhile need not be looked through before it is committed.
    """

    old: pa.Table
    new: pa.Table | None
    source: pa.Table
    key: tuple[str, ...] = ("event_id",)
    updates: Mapping[str, str] = field(default_factory=dict)
    delete_when: str | None = None
    where: str | None = None
    again: bool = False


Choose = Callable[[DeltaTable], Change | None]


def apply(settings: Settings, operation: str, name: str, choose: Choose) -> Change | None:
    """Change rows of the silver table `name`, and gold with them; returns the change, None if there was none to make.

    `choose` picks the rows in a snapshot; it is called again if another commit came first. Raises OperationFailed after
    ATTEMPTS conflicts, and NotCounted, with nothing changed, before gold has counted rows of the table.
    """
    identity, journalled = "", None
    for _ in range(ATTEMPTS):
        table = open_table(settings, name)
        change = choose(table)
        if change is None or not change.source.num_rows:
            break
        # A conflict rarely concerns the chosen rows: then the difference in gold is what it was.
        if journalled is None or not _same(change, journalled):
            _forget(settings, identity)
            identity, journalled = f"{operation}-{uuid4().hex}", change
            _write_journal(settings, identity, name, change)
            _check_counted(settings, identity, name)
        try:
            if change.again:
                table = _with_appended(settings, name, table)
            merge(table, change, CommitProperties(app_transactions=[Transaction(identity, 1)]))
        except CommitFailedError:
            # Storage may report a conflict with our own commit, whose first answer was lost.
            if open_table(settings, name).transaction_version(identity) is None:
                continue
        commit_points.reached("correction.committed")
        settle(settings, identity)
        return change
    else:
        _forget(settings, identity)
        raise OperationFailed(f"{name}: other processes keep changing it; try again")
    _forget(settings, identity)
    return None


def _with_appended(settings: Settings, name: str, chosen: DeltaTable) -> DeltaTable:
    """The newest snapshot, if nothing but appends came after `chosen`, else `chosen`.

    To choose rows takes much longer than to change them, and a job appends some every second: from the older snapshot a
    commit would always be a conflict.
    """
    newest, files, folder = open_table(settings, name), Files(settings), settings.table(name)
    for version in range(chosen.version() + 1, newest.version() + 1):
        entry = read_entry(files, folder, version)
        if entry is None or entry.removed:
            return chosen
    return newest


def _same(one: Change, other: Change) -> bool:
    if not one.old.equals(other.old):
        return False
    return one.new is other.new if one.new is None or other.new is None else one.new.equals(other.new)


def _check_counted(settings: Settings, identity: str, name: str) -> None:
    if name not in ENTITIES:
        return
    try:
        counting.check(settings, [name])
    except counting.NotCounted:
        _forget(settings, identity)
        raise


def _forget(settings: Settings, identity: str) -> None:
    if identity:
        Files(settings).remove(_journal(settings, identity))


def finish(settings: Settings) -> int:
    """Complete the corrections that an ended process left half done; returns how many. Operations begin with this."""
    files = Files(settings)
    finished = 0
    for identity in files.folders(_journals(settings)):
        folder = _journal(settings, identity)
        entry = files.read_json(f"{folder}/change.json")
        if entry is not None and open_table(settings, entry["table"]).transaction_version(identity) is not None:
            settle(settings, identity)
            finished += 1
        elif _age(files, folder) > ABANDONED_AFTER_S:
            files.remove(folder)
    return finished


def discard(settings: Settings, operation: str) -> None:
    """Remove the journals of an operation that changed nothing, and of which no other process can be running."""
    finish(settings)
    files = Files(settings)
    for identity in files.folders(_journals(settings)):
        if identity.partition("-")[0] == operation:
            files.remove(_journal(settings, identity))


def unfinished(settings: Settings) -> list[str]:
    """The operations that have begun and not ended, by name (erase, rescore, ...): running now, or cut off."""
    return sorted({identity.rpartition("-")[0] for identity in Files(settings).folders(_journals(settings))})


def under_way(settings: Settings, name: str) -> bool:
    """Whether an operation may be about to commit files to the table: its journal exists before the first of them."""
    files = Files(settings)
    entries = (
        files.read_json(f"{_journal(settings, each)}/change.json") for each in files.folders(_journals(settings))
    )
    return any(entry is None or entry["table"] == name for entry in entries)


def merge(table: DeltaTable, change: Change, properties: CommitProperties) -> None:
    """Commit a change to its table, in one commit that removes files: all hops skip such a commit."""
    if change.where:
        table.delete(change.where, writer_properties=REWRITTEN, commit_properties=properties)
        return
    same = " AND ".join(f"target.{name} = source.{name}" for name in (*PARTITIONS, *change.key))
    merger = table.merge(
        change.source,
        same,
        source_alias="source",
        target_alias="target",
        writer_properties=REWRITTEN,
        commit_properties=properties,
    )
    if not change.updates:
        merger.when_matched_delete().execute()
        return
    if change.delete_when:
        merger = merger.when_matched_delete(change.delete_when)
    merger.when_matched_update(dict(change.updates)).execute()


def difference(settings: Settings, name: str, old: pa.Table, new: pa.Table | None) -> dict[str, pa.Table]:
    """Gold table -> the rows to add to it when rows `old` of the silver table `name` become `new`."""
    sums = Sums(cohorts(settings, old) if name in TEXTS else lambda _: ("", ""))
    sums.add(name, old, -1)
    if new is not None:
        sums.add(name, new, 1)
    return sums.rows()


def _write_journal(settings: Settings, identity: str, name: str, change: Change) -> None:
    files, folder = Files(settings), _journal(settings, identity)
    counted = name in ENTITIES
    for gold, rows in (difference(settings, name, change.old, change.new) if counted else {}).items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, rows.schema) as writer:
            writer.write_table(rows)
        files.write(f"{folder}/{_file(gold)}", sink.getvalue().to_pybytes())
    files.write_json(f"{folder}/change.json", {"table": name})


def settle(settings: Settings, identity: str) -> None:
    """Add the journal's differences to gold, then remove the journal."""
    with ThreadPoolExecutor(len(TABLES)) as threads:
        merges = [threads.submit(_add_difference, settings, identity, name) for name in TABLES]
    for merged in merges:
        merged.result()
    Files(settings).remove(_journal(settings, identity))


def _add_difference(settings: Settings, identity: str, name: str) -> None:
    content = Files(settings).read(f"{_journal(settings, identity)}/{_file(name)}")
    if content is not None:
        keyed_tables.add_to_gold(settings, identity, TABLES[name], pa.ipc.open_stream(content).read_all())


def _journals(settings: Settings) -> str:
    return f"{settings.lake}/{JOURNAL}"


def _journal(settings: Settings, identity: str) -> str:
    return f"{_journals(settings)}/{identity}"


def _file(gold: str) -> str:
    return f"{gold.replace('/', '-')}.arrow"


def _age(files: Files, folder: str) -> float:
    times: Iterable[float] = [file.modified for file in files.below(folder)]
    return time.time() - max(times, default=0.0)
