"""`moodstream rejected list` and `replay`: shows rejected events by reason, and sends them again after a fix."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from streaming.delta.tables import open_table, plain
from streaming.errors import SettingsError
from streaming.events.contract import REASONS
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.operations.rejected.replay import Replayed, replay
from streaming.operations.shown import add_options, shown
from streaming.options import Parser
from streaming.settings import Settings
from streaming.tables import silver_rejected

EXAMPLES = """  moodstream rejected list
  moodstream rejected list --reason unknown_action --limit 20 --json
  moodstream rejected replay --reason unknown_action --dry-run
  moodstream rejected replay --reason unknown_action
"""


@dataclass
class Group:
    """The rejected events of one reason."""

    events: int = 0
    first_arrival: datetime | None = None
    last_arrival: datetime | None = None
    examples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: Mapping[str, Any], limit: int) -> None:
        """Count a row of silver/rejected; the first `limit` are shown."""
        self.events += 1
        arrival = row["arrival_time"]
        self.first_arrival = min(filter(None, (self.first_arrival, arrival)), default=None)
        self.last_arrival = max(filter(None, (self.last_arrival, arrival)), default=None)
        if len(self.examples) < limit:
            self.examples.append(_example(row))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """List or replay rejected events; returns the exit code."""
    parser = Parser("rejected", "Show rejected events by reason, or send them again after a fix.", EXAMPLES)
    parser.add_argument("--reason", choices=REASONS, metavar="REASON", help=f"one of {', '.join(REASONS)}")
    add_options(parser, environ, "reason")
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if options.action == "list":
        return _list(settings, options)
    if options.reason is None:
        raise SettingsError("rejected replay: --reason is missing; `moodstream rejected list` shows them")
    progress(f"checking {options.reason} again, by the contract of this release")
    done = replay(settings, options.reason, dry_run=options.dry_run)
    return Outcome(
        {"reason": options.reason, "dry_run": options.dry_run, **vars(done)}, _replay_lines(done, options.dry_run)
    )


def _list(settings: Settings, options: argparse.Namespace) -> Outcome:
    groups: dict[str, Group] = defaultdict(Group)
    for row in rows(settings, options.reason):
        groups[row["reason"]].add(row, options.limit)
    ordered = sorted(groups.items(), key=lambda item: -item[1].events)
    report = {"rows": sum(group.events for group in groups.values()), "by_reason": {k: vars(v) for k, v in ordered}}
    return Outcome(report, [line for reason, group in ordered for line in _lines(reason, group)] or ["none rejected"])


def rows(settings: Settings, reason: str | None) -> Iterator[Mapping[str, Any]]:
    """The rows of silver/rejected with this reason (None: all), a batch in memory at a time."""
    columns = [name for name in silver_rejected.SCHEMA.names if name not in ("raw", "year", "month", "day")]
    for batch in open_table(settings, silver_rejected.NAME).scan(columns=columns):
        for row in plain(pa.table(batch)).to_pylist():
            if reason is None or row["reason"] == reason:
                yield row


def _example(row: Mapping[str, Any]) -> dict[str, Any]:
    place = {name: row[name] for name in ("stream", "sequence_number", "record_index", "arrival_time")}
    return {"detail": row["detail"], "payload": shown(silver_rejected.event_bytes(row)), **place}


def _lines(reason: str, group: Group) -> Iterator[str]:
    yield f"{reason}: {group.events} from {group.first_arrival} to {group.last_arrival}"
    for example in group.examples:
        yield f"    {example['detail']}"
        yield f"        {example['payload']}"


def _replay_lines(done: Replayed, dry_run: bool) -> list[str]:
    verb = "would be sent again" if dry_run else "sent again"
    return [
        f"{done.sent} {verb}",
        f"{done.sent_before} were sent again before",
        f"{done.still_rejected} break the contract of this release too, and stay",
        f"{done.already_accepted} are in silver under the same event id",
    ]
