"""`moodstream maintain`: compacts small files, deletes old ones and cleans the logs while the stream runs.

Compaction rewrites files without changing rows (`dataChange: false`), so no hop processes a row again. Appends never
conflict with it; a MERGE into gold may, and its hop repeats it. `vacuum` deletes only files that no version within the
retention needs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from streaming.corrections import journal, keyed_tables
from streaming.corrections.contributions import TABLES
from streaming.delta.tables import open_table
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables import (
    bronze_erased,
    catalog,
    gold_drift_by_hour,
    gold_incidents,
    gold_labelled_by_hour,
    gold_shadow_by_hour,
    silver_labels,
    silver_rescored,
)

EXAMPLES = """  moodstream maintain
  moodstream maintain --workdir moodstream-demo --json
  moodstream maintain --lake s3a://my-lake --checkpoints s3a://my-lake/_checkpoints --vacuum-after 14
"""
ATTEMPTS = 3
HOURS_A_DAY = 24
OBSERVED = (gold_drift_by_hour.NAME, gold_shadow_by_hour.NAME, gold_labelled_by_hour.NAME, gold_incidents.NAME)
GOLD = (*(table.name for table in catalog.KEYED), *OBSERVED)
NAMES = (*catalog.APPENDED, *GOLD, bronze_erased.NAME, silver_rescored.NAME, silver_labels.NAME)


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
        done[name] = {**maintain(table, options.vacuum_after * HOURS_A_DAY), "emptied_rows": emptied}
    if not done:
        raise SettingsError(f"--lake: '{settings.lake}' holds no table")
    lines = [_line(name, each) for name, each in done.items()]
    return Outcome({"tables": done, "finished_changes": finished}, lines)


def maintain(table: DeltaTable, keep_hours: int) -> dict[str, Any]:
    """Maintain one table."""
    before = len(table.file_uris())
    compacted = _compacted(table)
    removed = table.vacuum(retention_hours=keep_hours, enforce_retention_duration=False, dry_run=False, full=True)
    table.update_incremental()
    table.create_checkpoint()
    table.cleanup_metadata()
    return {
        "files_before": before,
        "files": len(table.file_uris()),
        "compacted": compacted,
        "vacuumed": len(removed),
    }


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


def _line(name: str, done: Mapping[str, Any]) -> str:
    text = f"{name:<28} {done['files_before']:>6} -> {done['files']:>5} files, {done['vacuumed']:>6} old ones removed"
    return text if done["compacted"] else f"{text}; not compacted: the stream committed first, try again"
