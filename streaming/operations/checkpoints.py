"""`moodstream checkpoints verify` and `repair`: looks for damaged checkpoints of the hops, and repairs them.

The job looks for the same damage before it starts a hop. A repair first takes the hop's lease, so that no job runs the
hop meanwhile. It may be repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from streaming.checkpoints.damage import READS, Damage, damages
from streaming.checkpoints.repair.means import Means
from streaming.checkpoints.repair.remedy import Remedy, remedy
from streaming.errors import OperationFailed, SettingsError
from streaming.lease.job import owned
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.operations.silver_backfill import append_unread
from streaming.options import Parser
from streaming.settings import Settings, add_setting
from streaming.sources.shard_records import pages

EXAMPLES = """  moodstream checkpoints verify
  moodstream checkpoints verify --lake s3a://my-lake --checkpoints s3a://my-lake/_checkpoints --json
  moodstream checkpoints repair ingest
  moodstream checkpoints repair ingest --yes
"""
# Each repair ends one damage; one may bring another to light.
MAX_REPAIRS = 1000

Found = list[tuple[Damage, Remedy]]


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Verify or repair checkpoints; returns the exit code: 1 where damage is left."""
    parser = Parser("checkpoints", "Look for damaged checkpoints, and repair them.", EXAMPLES)
    parser.add_argument("action", choices=("verify", "repair"))
    parser.add_argument("hop", nargs="?", choices=tuple(READS), metavar="HOP", help=f"one of {', '.join(READS)}")
    parser.add_argument("--yes", action="store_true", help="repair: do it; without, only say what it does and costs")
    command.add_place(parser, environ)
    add_setting(parser, parser, environ, "kinesis_endpoint", "repair ingest: only for an emulator", "AWS_ENDPOINT_URL")
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    settings = replace(settings, kinesis_endpoint=options.kinesis_endpoint or settings.kinesis_endpoint)
    if options.action == "verify":
        return _verify(settings, (options.hop,) if options.hop else tuple(READS))
    if options.hop is None:
        raise SettingsError(f"checkpoints repair: HOP is missing, expected one of {', '.join(READS)}")
    return _repair(settings, options, progress)


def _verify(settings: Settings, hops: Sequence[str]) -> Outcome:
    found = {hop: _found(settings, hop) for hop in hops}
    lines = [line for hop, each in found.items() for line in (_lines(each) if each else [f"{hop}: sound"])]
    damaged = [hop for hop, each in found.items() if each]
    report = {"damaged": damaged, "hops": {hop: [_as_json(*pair) for pair in each] for hop, each in found.items()}}
    lines += [f"to repair: moodstream checkpoints repair {hop}" for hop in damaged]
    return Outcome(report, lines, int(bool(damaged)))


def _repair(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    found = _found(settings, options.hop)
    report: dict[str, Any] = {"hop": options.hop, "damage": [_as_json(*pair) for pair in found], "repaired": []}
    if not found:
        return Outcome(report, [f"{options.hop}: sound, nothing to repair"])
    for line in _lines(found):
        progress(line)
    if by_hand := [each for _, each in found if each.act is None]:
        raise OperationFailed(f"{options.hop}: {by_hand[0].does}")
    if not options.yes:
        return Outcome(report, ["nothing was changed; add --yes to repair"], 1)
    with owned(replace(settings, hops=(options.hop,))):
        report["repaired"] = list(_repaired(settings, options.hop, progress))
    return Outcome(report, [*report["repaired"], f"{options.hop}: sound; start the job"])


def _repaired(settings: Settings, hop: str, progress: Progress) -> Iterator[str]:
    """Repair until nothing is found any more; raises OperationFailed if that does not end."""

    def backfill(since: datetime | None, version: int) -> int:
        return append_unread(settings, since, version, progress)

    means, before = Means(partial(pages, settings), backfill), None
    for _ in range(MAX_REPAIRS):
        damage = next(damages(settings, hop), None)
        if damage is None:
            return
        act = remedy(settings, damage).act
        if act is None or damage == before:
            raise OperationFailed(f"{hop}: {damage.found}, also after a repair; see docs/recovery.md")
        yield act(settings, damage, means)
        before = damage


def _found(settings: Settings, hop: str) -> Found:
    return [(damage, remedy(settings, damage)) for damage in damages(settings, hop)]


def _as_json(damage: Damage, found: Remedy) -> dict[str, Any]:
    return {"found": damage.found, "repair": found.does, "costs": found.costs}


def _lines(found: Found) -> Iterator[str]:
    for damage, each in found:
        yield f"{damage.hop}: {damage.found}"
        yield f"    the repair {each.does}" if each.act else f"    {each.does}"
        yield f"    it costs: {each.costs}"
