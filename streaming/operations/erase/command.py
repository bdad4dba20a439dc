"""`moodstream erase --user ID`: removes a person's data from every layer while the stream runs, and writes a receipt.

It erases layer by layer: each layer once every query that fills it has read past the erasure of the layer before, so
that no query brings the data back. It may be run again at any time, and continues an erasure that was interrupted: what
that one was asked to do, and by which texts it finds rows of training data, is in its record (see record.py).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from deltalake.exceptions import TableNotFoundError

from streaming.corrections import journal, keyed_tables, readers, replaced_files
from streaming.corrections.contributions import TABLES
from streaming.delta.tables import open_table
from streaming.errors import OperationFailed, SettingsError
from streaming.events.records import Person
from streaming.files import Files
from streaming.operations import command
from streaming.operations.command import Outcome, Progress
from streaming.operations.erase import feedback, quarantined
from streaming.operations.erase import rows as erase_rows
from streaming.operations.erase.check import Check, check
from streaming.operations.erase.record import Record
from streaming.operations.erase.rows import Erasure, Removed
from streaming.options import Parser
from streaming.scoring import registry
from streaming.settings import Settings
from streaming.tables import (
    bronze_events,
    silver_deletions,
    silver_former_versions,
    silver_labels,
    silver_quarantined,
    silver_rejected,
    silver_rescored,
    silver_users,
)
from streaming.warehouse import corrections

EXAMPLES = """  moodstream erase --user u-4711
  moodstream erase --user u-4711 --feedback corrections.csv --json
  moodstream erase --requested                      daily, beside maintain: whoever deleted the own account
  moodstream erase --user u-4711 --lake s3a://my-lake --warehouse redshift://workgroup/dev
"""
RECEIPTS = "_receipts"
STREAMED = (*erase_rows.ACCEPTED, silver_deletions.NAME, silver_rejected.NAME)
VACUUMED = (
    bronze_events.NAME,
    *STREAMED,
    silver_users.NAME,
    silver_labels.NAME,
    silver_rescored.NAME,
    silver_former_versions.NAME,
    silver_quarantined.NAME,
)
# A record may have arrived before the erasure began and reach bronze after it was read: the next pass finds it.
PASSES = 3
SERVED_WITHIN_S = 15.0
NOTES = (
    "Events that arrive after `before` are new data: run erase again to remove them too.",
    "Kinesis keeps the records until its retention ends; a job with a new checkpoint reads them again.",
    "Texts in training data are found by hashes, kept in `LAKE/_erasures`; `feedback.texts_known` says how many.",
    "Comments that other people wrote under this person's posts stay.",
    "`log_entries` name the person in column statistics only, for 7 days: then `moodstream maintain` removes them.",
)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Erase a person's data; returns the exit code: 0 only if no data file holds them any more."""
    parser = Parser("erase", "Remove a person's data from every layer while the stream runs.", EXAMPLES)
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--user", metavar="ID", help="the person's user_id")
    who.add_argument("--requested", action="store_true", help="everybody whom deletions of the stream name, one by one")
    parser.add_argument(
        "--feedback",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="training data (text,label) from which to remove the person's texts; may be repeated",
    )
    parser.add_argument(
        "--drop-feedback",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="a file that an earlier run was asked to clean and that no longer exists: take it off the list",
    )
    parser.add_argument(
        "--wait", type=float, default=120.0, metavar="SECONDS", help="how long to wait for the stream (default: 120)"
    )
    command.add_place(parser, environ)
    return command.run(parser, _act, argv, environ)


def _act(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if not options.requested:
        return _erase(settings, options, progress)
    users, done = erase_rows.requested(settings), list[Outcome]()
    for number, user in enumerate(users, 1):
        progress(f"erasing person {number} of {len(users)}")
        done.append(_erase(settings, argparse.Namespace(**{**vars(options), "user": user}), progress))
    lines = [line for outcome in done for line in outcome.lines]
    report = {"people": len(users), "receipts": [outcome.report for outcome in done]}
    return Outcome(report, [f"{len(users)} people to erase", *lines], max((each.code for each in done), default=0))


def _erase(settings: Settings, options: argparse.Namespace, progress: Progress) -> Outcome:
    if not options.user.strip():
        raise SettingsError("--user: received an empty id")
    asked = [path.absolute() for path in options.feedback]
    before, name = datetime.now(UTC), f"erase-{uuid4().hex}"
    record = Record(settings, options.user, name, before)
    erasure = Erasure(Person(options.user), before, name, record.remember)
    for path in asked:
        feedback.check(path)
    if settings.warehouse:
        corrections.check(settings)
    record.ask(map(str, asked), settings.warehouse, (str(path.absolute()) for path in options.drop_feedback))
    finished = journal.finish(settings)
    removed, found = Removed(), Check()
    for _ in range(PASSES):
        _pass(settings, erasure, removed, options.wait, progress)
        progress("checking every remaining file")
        found = check(settings, erasure.person, erasure.before)
        if found.clean:
            break
    progress("removing the texts from training data")
    cleaned = {path: feedback.without(Path(path), record.wrote) for path in record.feedback if Path(path).is_file()}
    receipt = {
        "erasure": erasure.name,
        "user_sha256": record.user_sha256,
        "before": erasure.before.isoformat(),
        "removed": {"bronze": removed.bronze, "silver": removed.silver, "feedback": cleaned},
        **_left(settings, erasure, record),
        "models": registry.versions(settings),
        "check": asdict(found),
        "finished_changes": finished,
        "finished_at": datetime.now(UTC).isoformat(),
        "notes": NOTES,
    }
    receipt["unfinished"] = _unfinished(receipt)
    receipt["complete"] = not receipt["unfinished"]
    path = f"{settings.lake}/{RECEIPTS}/{erasure.name}.json"
    Files(settings).write_json(path, receipt)
    return Outcome({**receipt, "receipt": path}, _lines(receipt, path), 0 if receipt["complete"] else 1)


def _left(settings: Settings, erasure: Erasure, record: Record) -> dict[str, Any]:
    """What warehouse and training data still hold, read again; what holds nothing is settled in the record."""
    rows = _in_warehouse(settings, erasure)
    left = {path: feedback.rows_left(Path(path), record.wrote) for path in record.feedback}
    clean = [path for path, count in left.items() if count == 0]
    record.settle([*clean, *([settings.warehouse] if settings.warehouse and not rows else [])])
    return {
        "warehouse": {"url": settings.warehouse, "rows_left": rows, "not_checked": record.warehouses_left},
        "feedback": {"texts_known": record.texts_known, "rows_left": left},
    }


def _unfinished(receipt: Mapping[str, Any]) -> list[str]:
    """What was asked for, in this run or an earlier one, and is not known to be done."""
    holding, warehouse, left = receipt["check"]["holding"], receipt["warehouse"], receipt["feedback"]["rows_left"]
    found = [f"{len(holding)} data files still hold the person: run it again"] if holding else []
    if warehouse["rows_left"]:
        found.append(f"{warehouse['rows_left']} rows of the warehouse name the person: run it again")
    found += [
        f"the warehouse {url} of an earlier run was not checked: run it again with --warehouse {url}"
        for url in warehouse["not_checked"]
    ]
    for path, count in left.items():
        if count is None:
            found.append(
                f"an earlier run was asked to clean {path}, which is not here: name where it is with --feedback, "
                f"or take it off with --drop-feedback {path}"
            )
        elif count:
            found.append(f"{path} holds {count} of the person's texts: run it again")
    return found


def _pass(settings: Settings, erasure: Erasure, removed: Removed, patience: float, progress: Progress) -> None:
    progress("erasing from bronze")
    erase_rows.bronze(settings, erasure, removed)
    passed = _wait_for_readers(settings, [bronze_events.NAME], patience, progress)
    progress("erasing from silver and gold")
    erase_rows.silver(settings, erasure, removed)
    passed |= _wait_for_readers(settings, STREAMED, patience, progress)
    erase_rows.derived(settings, erasure, removed)
    quarantined.erase(settings, erasure, removed)
    for name in TABLES:
        keyed_tables.drop_empty(settings, name)
    if settings.warehouse:
        progress("erasing from the warehouse")
        corrections.erase(settings, erasure.person.user, erasure.before)
        corrections.serve(settings, SERVED_WITHIN_S)
    progress("removing the files of old versions")
    for name in VACUUMED:
        with suppress(TableNotFoundError):
            replaced_files.delete(settings, name, passed.get(name))


def _wait_for_readers(settings: Settings, names: Sequence[str], patience: float, progress: Progress) -> dict[str, int]:
    """Wait until every query has read what these tables hold now; returns their versions."""
    passed = {}
    for name in names:
        version = open_table(settings, name).version()
        late = readers.wait(settings, name, version, patience, progress)
        if late:
            raise OperationFailed(
                f"{', '.join(late)} has rows of {name} still to read: run the job until it has, then erase again with "
                "the same options"
            )
        passed[name] = version
    return passed


def _in_warehouse(settings: Settings, erasure: Erasure) -> int | None:
    if not settings.warehouse:
        return None
    return corrections.rows_of(settings, erasure.person.user, erasure.before)


def _lines(receipt: Mapping[str, Any], path: str) -> list[str]:
    bronze, silver = receipt["removed"]["bronze"], receipt["removed"]["silver"]
    counts = ", ".join(f"{count} {name}" for name, count in silver.items()) or "nothing"
    found = receipt["check"]
    lines = [
        f"bronze: {bronze['records_deleted']} records deleted, {bronze['records_rewritten']} rewritten",
        f"silver: {counts}",
        f"checked {found['files']} files: {len(found['holding'])} hold the person",
        f"receipt: {path}",
    ]
    return lines + [f"not complete: {each}" for each in receipt["unfinished"]]
