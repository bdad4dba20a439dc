"""Reads ledgers, also while they are being written, with memory bounded by what is in flight."""

from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import TYPE_CHECKING, Any, NamedTuple

from generator.errors import LedgerError
from generator.events.records import Expected

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path

OUTBOX = "outbox-"
RESEND = "resend-"


class Ack(NamedTuple):
    """Where a record lies in the stream; `put_time` in epoch seconds, taken after the put."""

    shard_id: str
    sequence_number: str
    put_time: float


class Entry(NamedTuple):
    """One record that was sent, or was about to be.

    `ack` is None for a record that is unsendable, was in flight when the generator died, or still is.
    `uncertain`: an attempt's outcome is unknown, so the stream may hold the record once more than
    acknowledged.
    """

    run: str
    record: int
    sha256: str
    expected: tuple[Expected, ...]
    ack: Ack | None
    unsendable: str | None = None
    uncertain: bool = False


class OutboxRecord(NamedTuple):
    """A record's bytes and partition key, kept so that it can be put again."""

    run: str
    record: int
    key: str
    data: bytes


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a segment's whole lines; the last one may be half written."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield json.loads(line)
                except ValueError:
                    raise LedgerError(f"'{path}', line {number}: not a ledger line, expected a JSON object") from None
    except FileNotFoundError:
        return  # pruned meanwhile


def _runs(directory: Path, prefix: str = "") -> dict[str, list[Path]]:
    """The segments by run, both in order."""
    runs: dict[str, list[Path]] = {}
    for path in sorted(directory.glob(f"{prefix}*.jsonl")):
        name = path.stem.removeprefix(prefix)
        if not name.startswith((OUTBOX, RESEND)):
            runs.setdefault(name.rpartition("-")[0], []).append(path)
    return runs


def _superseded(directory: Path) -> tuple[dict[tuple[str, int], Ack], set[tuple[str, int]]]:
    """Acknowledgements (and broken attempts) of records that were put again: the last one counts."""
    acks: dict[tuple[str, int], Ack] = {}
    unknown: set[tuple[str, int]] = set()
    for path in sorted(directory.glob(f"{RESEND}*.jsonl")):
        for line in _lines(path):
            if line["step"] == "ack":
                acks[line["run"], line["record"]] = _ack(line)
            elif line["step"] == "unknown":
                unknown.add((line["run"], line["record"]))
    return acks, unknown


def _ack(line: dict[str, Any]) -> Ack:
    return Ack(line["shard_id"], line["sequence_number"], line["put_time"])


def entries(directory: Path) -> Iterator[Entry]:
    """Yield every record of every run once, intent and acknowledgement merged.

    Within a run in the order of acknowledgement, the unacknowledged at its end. Memory grows with
    what was in flight and with what was put again, not with the ledger.
    """
    again, broken = _superseded(directory)
    for run, paths in _runs(directory).items():
        waiting: dict[int, Entry] = {}
        for path in paths:
            for line in _lines(path):
                entry = _merge(run, line, waiting)
                if entry is not None:
                    yield _latest(entry, again, broken)
        for entry in waiting.values():
            yield _latest(entry, again, broken)


def _merge(run: str, line: dict[str, Any], waiting: dict[int, Entry]) -> Entry | None:
    """Take in a line; returns the entry that it completes."""
    step, number = line["step"], line.get("record", -1)
    if step == "intent":
        expected = tuple(Expected(**event) for event in line["events"])
        waiting[number] = Entry(run, number, line["sha256"], expected, None)
    elif number not in waiting:
        return None  # about the run, or about a record whose segment was deleted
    elif step == "ack":
        return waiting.pop(number)._replace(ack=_ack(line))
    elif step == "unsendable":
        return waiting.pop(number)._replace(unsendable=line["reason"])
    elif step == "unknown":
        waiting[number] = waiting[number]._replace(uncertain=True)
    return None


def _latest(entry: Entry, again: dict[tuple[str, int], Ack], broken: set[tuple[str, int]]) -> Entry:
    key = (entry.run, entry.record)
    if not again and not broken:
        return entry
    return entry._replace(ack=again.get(key, entry.ack), uncertain=entry.uncertain or key in broken)


def unacked(directory: Path) -> Iterator[Entry]:
    """Yield the records that were never acknowledged, the unsendable ones left out."""
    return (e for e in entries(directory) if e.ack is None and e.unsendable is None)


def episodes(directory: Path) -> Iterator[dict[str, Any]]:
    """Yield what the ledgers say about episodes: name, kind, start, end, topic, effect."""
    for paths in _runs(directory).values():
        for path in paths:
            yield from (line for line in _lines(path) if line["step"] == "episode")


def outbox(directory: Path, without: Container[str]) -> Iterator[OutboxRecord]:
    """Yield the acknowledged records whose sequence number `without` does not contain.

    Those are the records that a restarted emulator has lost. Only records whose bytes are still
    kept come out. Memory grows with the number of such records.
    """
    lost = {(e.run, e.record) for e in entries(directory) if e.ack is not None and e.ack.sequence_number not in without}
    for run, paths in _runs(directory, OUTBOX).items():
        for path in paths:
            for line in _lines(path):
                if (run, line["record"]) in lost:
                    yield OutboxRecord(run, line["record"], line["key"], b64decode(line["data"]))


def prune_outbox(directory: Path, older_than: float, now: float | None = None) -> int:
    """Delete outbox segments last written more than `older_than` seconds ago; returns how many.

    A segment is closed a minute after it was begun, so keep `older_than` above 120 and a live run's
    open segment is never touched. `now` is epoch seconds.
    """
    limit = (time.time() if now is None else now) - older_than
    old = [p for p in directory.glob(f"{OUTBOX}*.jsonl") if p.stat().st_mtime < limit]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
