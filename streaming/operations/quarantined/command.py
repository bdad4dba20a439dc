"""`moodstream quarantined list` and `replay`: shows the rows that hops left out, and brings them back after a fix."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.operations.quarantined.replay import replay
from streaming.operations.quarantined.rows import Row, waiting
from streaming.operations.shown import add_options, shown
from streaming.options import Parser
from streaming.settings import Settings

HOPS = ("refine", "load", "serve")
EXAMPLES = """  moodstream quarantined list
  moodstream quarantined list --hop load --limit 20 --json
  moodstream quarantined replay --dry-run
  moodstream quarantined replay --hop load
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """List or replay quarantined rows; returns the exit code: 1 if the warehouse still refuses some."""
    parser = Parser(
        "quarantined",
        "Show rows that made their batch fail and were left out, or bring them back after a fix.",
        EXAMPLES,
    )
    parser.add_argument("--hop", choices=HOPS, metavar="HOP", help=f"one of {', '.join(HOPS)} (default: all)")
    add_options(parser, environ, "hop")
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if options.action == "list":
        return _list(settings, options)
    progress("bringing quarantined rows back, each by the way of its hop")
    done = replay(settings, options.hop, dry_run=options.dry_run)
    verb = "would be brought back" if options.dry_run else "brought back"
    lines = [
        f"{done.sent} {verb}",
        f"{done.sent_before} were there already",
        f"{done.still_refused} are refused again, and stay",
        f"{done.gone} exist no more",
    ]
    return Outcome({"dry_run": options.dry_run, **vars(done)}, lines, 1 if done.still_refused else 0)


def _list(settings: Settings, options: argparse.Namespace) -> Outcome:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in waiting(settings, options.hop):
        groups[row["hop"]].append(row)
    report = {hop: _group(rows, options.limit) for hop, rows in groups.items()}
    lines = [line for hop, group in report.items() for line in _lines(hop, group)]
    total = sum(len(rows) for rows in groups.values())
    return Outcome({"rows": total, "by_hop": report}, lines or ["none quarantined"])


def _group(rows: Sequence[Row], limit: int) -> dict[str, Any]:
    named = ("table_name", "key", "batch", "quarantined_at", "error_class", "error")
    return {
        "rows": len(rows),
        "first": rows[0]["quarantined_at"],
        "last": rows[-1]["quarantined_at"],
        "by_error_class": dict(Counter(row["error_class"] for row in rows).most_common()),
        "examples": [{**{name: row[name] for name in named}, "data": shown(row["data"])} for row in rows[:limit]],
    }


def _lines(hop: str, group: Mapping[str, Any]) -> Iterator[str]:
    yield f"{hop}: {group['rows']} from {group['first']} to {group['last']}"
    for each in group["examples"]:
        yield f"    {each['table_name']} {each['key']}: {each['error_class']}: {each['error']}"
        yield f"        {each['data']}"
