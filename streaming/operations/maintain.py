"""`moodstream maintain`: compacts small files, deletes old ones and cleans the logs while the stream runs.

Compaction rewrites files without changing rows (`dataChange: false`), so no hop processes a row again. Appends never
conflict with it; a MERGE into gold may, and its hop repeats it. `vacuum` deletes only files that no version within the
retention needs.

A query that is down reads on where it stopped, from files and log entries that may be older than the retention. Before
anything of that would expire, all old files and log entries of the table are kept, until the query has read them or
somebody says `--even-unread`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from streaming import short_logs
from streaming.corrections import journal, keyed_tables, readers, replaced_files
from streaming.corrections.contributions import TABLES
from streaming.corrections.readers import Unread, unread
from streaming.delta.tables import open_table, read
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables import (
    silver_comments,
    silver_former_versions,
    silver_interactions,
    silver_posts,
    silver_retracted,
)
from streaming.tables.lake import NAMES

EXAMPLES = """  moodstream maintain
  moodstream maintain --workdir moodstream-demo --json
  moodstream maintain --lake s3a://my-lake --checkpoints s3a://my-lake/_checkpoints --vacuum-after 14
"""
ATTEMPTS = 3
# The log's retention (delta/append.py). The job's own commits remove older entries, so the daily run acts before that.
LOG_HOURS = 7 * 24
MARGIN_HOURS = 48
LOG_EXPIRES = "delta.enableExpiredLogCleanup"
# How long the hops may take to read past what deletions of the stream have removed.
PATIENCE_S = 90.0
RETRACTED = (silver_posts.NAME, silver_comments.NAME, silver_interactions.NAME, silver_former_versions.NAME)
HOURS_A_DAY = 24


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Maintain every table; returns the exit code."""
    parser = Parser("maintain", "Compact small files, delete old ones, clean the logs. The stream may run.", EXAMPLES)
    command.add_place(parser, environ)
    parser.add_argument(
        "--vacuum-after",
        type=_days,
        default=7,
        metavar="DAYS",
        help="keep what versions of the last DAYS need, for readers that lag and for time travel (default: 7)",
    )
    parser.add_argument(
        "--even-unread",
        action="store_true",
        help="also delete what a query that is down has not read; then its checkpoint needs a repair",
    )
    return command.run(parser, _maintain, argv, environ)


def _days(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 365:
        raise argparse.ArgumentTypeError(f"received '{text}', expected days from 1 to 365")
    return int(text)


def _maintain(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    finished = journal.finish(settings)
    done = {}
    for name in NAMES:
        try:
            table = open_table(settings, name)
        except TableNotFoundError:
            continue
        progress(f"maintaining {name}")
        emptied = keyed_tables.drop_empty(settings, name) if name in TABLES else 0
        hours = options.vacuum_after * HOURS_A_DAY
        late = _late(settings, table, name, hours)
        kept = [] if options.even_unread else late
        if not kept:
            short_logs.forget(settings, name, LOG_HOURS, time.time())
        done[name] = {
            **maintain(table, hours, keep_all=bool(kept)),
            "emptied_rows": emptied,
            "kept_for": [_reader(each) for each in kept],
            "taken_from": [_reader(each) for each in late if each not in kept],
        }
    forgotten = _forget_retracted(settings, progress)
    if not done:
        raise SettingsError(f"--lake: '{settings.lake}' holds no table")
    lines = [_line(name, each) for name, each in done.items()]
    report = {"tables": done, "finished_changes": finished, "retracted_files_removed": forgotten}
    return Outcome(report, [*lines, *(_retracted_line(name, files) for name, files in forgotten.items())])


def _forget_retracted(settings: Settings, progress: Progress) -> dict[str, int | None]:
    """Delete at once the old files of tables from which the stream's deletions took rows; None where a hop lags.

    By table. For these, `--vacuum-after` keeps nothing: what somebody deleted must not stay for time travel.
    """
    try:
        ledger = read(open_table(settings, silver_retracted.NAME), ["rows"])
    except TableNotFoundError:
        return {}
    found: dict[str, int | None] = {}
    for name in RETRACTED if any(ledger["rows"].to_pylist()) else ():
        with suppress(TableNotFoundError):  # nothing was ever edited
            version = open_table(settings, name).version()
            readers.wait(settings, name, version, PATIENCE_S, progress)
            found[name] = replaced_files.remove(settings, name, version)
    return found


def _retracted_line(name: str, files: int | None) -> str:
    if files is None:
        return f"{name}: a hop has rows still to read, so deleted rows stay in old files; run maintain again"
    return f"{name}: {files} files with deleted rows removed"


def maintain(table: DeltaTable, keep_hours: int, *, keep_all: bool = False) -> dict[str, Any]:
    """Maintain one table; with `keep_all` its old files and log entries stay."""
    before = len(table.file_uris())
    compacted = _compacted(table)
    _let_log_expire(table, not keep_all)
    removed = [] if keep_all else _vacuumed(table, keep_hours)
    table.update_incremental()
    table.create_checkpoint()
    if not keep_all:
        table.cleanup_metadata()
    return {
        "files_before": before,
        "files": len(table.file_uris()),
        "compacted": compacted,
        "vacuumed": len(removed),
    }


def _late(settings: Settings, table: DeltaTable, name: str, keep_hours: int) -> list[Unread]:
    """The queries of which something unread would soon expire, or has."""
    soon = timedelta(hours=min(keep_hours, LOG_HOURS - MARGIN_HOURS))
    return [each for each in unread(settings, table, name) if datetime.now(UTC) - each.since > soon]


def _let_log_expire(table: DeltaTable, expire: bool) -> None:
    """Whether the job's own commits remove old entries of the log, as they do by default."""
    if expire != (table.metadata().configuration.get(LOG_EXPIRES, "true") == "true"):
        table.alter.set_table_properties({LOG_EXPIRES: str(expire).lower()})
        table.update_incremental()


def _reader(late: Unread) -> dict[str, Any]:
    return {"query": late.query, "first_unread_version": late.version, "written_at": late.since.isoformat()}


def _compacted(table: DeltaTable) -> bool:
    """Merge small files; False if other commits came first each time: the next run tries again."""
    for _ in range(ATTEMPTS):
        table.update_incremental()
        try:
            table.optimize.compact()
        except CommitFailedError:
            continue
        table.update_incremental()
        return True
    return False


def _vacuumed(table: DeltaTable, keep_hours: int) -> list[str]:
    """Delete old files, and those that no commit names; returns their paths.

    VACUUM commits, and conflicts with whoever changes rows at the same moment. Raises CommitFailedError after ATTEMPTS.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return table.vacuum(retention_hours=keep_hours, enforce_retention_duration=False, dry_run=False, full=True)
        except CommitFailedError:
            if attempt == ATTEMPTS:
                raise
            table.update_incremental()
    raise AssertionError("unreachable")


def _line(name: str, done: Mapping[str, Any]) -> str:
    text = f"{name:<28} {done['files_before']:>6} -> {done['files']:>5} files, {done['vacuumed']:>6} old ones removed"
    if not done["compacted"]:
        text += "; not compacted: the stream committed first, try again"
    if done["kept_for"]:
        text += f"; old files kept for {_readers(done['kept_for'])}: start it, or delete them with --even-unread"
    if done["taken_from"]:
        text += f"; taken from {_readers(done['taken_from'])}: see `moodstream checkpoints verify`"
    return text


def _readers(late: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{each['query']} (unread since version {each['first_unread_version']}, {each['written_at'][:16]})"
        for each in late
    )
