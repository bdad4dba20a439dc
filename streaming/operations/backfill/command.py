"""`moodstream backfill`: appends to silver the events that only bronze holds, or to bronze the records of an archive.

The running hops process appended rows as any new row, so gold and the warehouse follow, and nothing is counted twice.
Rows that exist are not changed, so the command may be repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from streaming.corrections import journal
from streaming.errors import SettingsError
from streaming.operations import command
from streaming.operations.backfill.archive import append_archive
from streaming.operations.command import Outcome, Progress
from streaming.operations.silver_backfill import append_missing
from streaming.options import Parser
from streaming.settings import Settings

EXAMPLES = """  moodstream backfill --from 2026-11-23T10:00:00Z --to 2026-11-23T12:00:00Z
  moodstream backfill --from 2026-11-23 --to 2026-11-24 --json
  moodstream backfill --archive s3a://my-landing-zone/2026/11/
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Backfill a range of bronze, or from an archive; returns the exit code."""
    parser = Parser("backfill", "Append events that silver lacks, or the records of an archive to bronze.", EXAMPLES)
    parser.add_argument("--from", dest="first", type=_time, metavar="TIME", help="records that arrived from TIME on")
    parser.add_argument("--to", dest="last", type=_time, metavar="TIME", help="and before TIME")
    parser.add_argument("--archive", metavar="DIR", help="folder or URL of .jsonl(.gz) files, one raw record a line")
    command.add_place(parser, environ)
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    ranged = options.first is not None and options.last is not None
    if ranged == (options.archive is not None) or (options.first is None) != (options.last is None):
        raise SettingsError("give either --from TIME and --to TIME, or --archive DIR (see --help)")
    finished = journal.finish(settings)
    if ranged:
        if options.first >= options.last:
            raise SettingsError(f"--to: received '{options.last}', expected a time after --from")
        filled = append_missing(settings, options.first, options.last, progress)
        lines = [f"{count:>8,} {name}" for name, count in filled.items()]
        return Outcome({"appended": filled, "finished_changes": finished}, lines)
    appended = append_archive(settings, options.archive, progress)
    lines = [
        f"{name}: {count:,} records" if count is not None else f"{name}: appended before" for name, count in appended
    ]
    return Outcome({"files": dict(appended), "finished_changes": finished}, lines)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"received '{text}', expected an ISO 8601 time") from error
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
