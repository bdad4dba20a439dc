"""Puts records again that an emulator of Kinesis lost when it restarted."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from generator.errors import UsageError
from generator.events.records import Record
from generator.ledger import Ledger, Put, outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from generator.delivery.sinks import Sink
    from generator.delivery.status import Counts
    from generator.ledger import OutboxRecord

AT_ONCE = 500


class _Missing:
    """A container for `outbox(without=...)`: `x in it` is true for every number that is *not* missing."""

    def __init__(self, sequence_numbers: frozenset[str]) -> None:
        self._listed = sequence_numbers

    def __contains__(self, sequence_number: object) -> bool:
        return sequence_number not in self._listed


class _Report:
    def __init__(self, records: Sequence[OutboxRecord], ledger: Ledger, counts: Counts) -> None:
        self._records, self._ledger, self._counts = records, ledger, counts

    def failed(self, count: int, throttled: int) -> None:
        self._counts.add(retried=count, throttled=throttled)

    def unknown(self, indexes: Sequence[int]) -> None:
        for index in indexes:
            record = self._records[index]
            self._ledger.unknown([record.record], run=record.run)


def read_missing(path: Path) -> frozenset[str]:
    """Read sequence numbers, one a line."""
    try:
        return frozenset(path.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read --resend '{path}': {error}") from error


def resend(directory: Path, missing: frozenset[str], sink: Sink, run: str, counts: Counts) -> int:
    """Put the records with these sequence numbers again; returns for how many no bytes are left.

    The new acknowledgements replace the old ones. At least once: killed half-way and run again, it
    puts only those again that are still listed under their latest sequence number.
    """
    found = 0
    with Ledger(directory, f"resend-{run}", keep_bytes=False) as ledger:
        kept = outbox(directory, _Missing(missing))
        while batch := list(islice(kept, AT_ONCE)):
            found += len(batch)
            records = [Record(r.data, r.key, ()) for r in batch]
            counts.send(records)
            for first, after in sink.batches(records):
                part = batch[first:after]
                placed = sink.put(records[first:after], _Report(part, ledger, counts))
                for done in placed:
                    was = part[done.place]
                    ledger.acknowledge([Put(was.record, *done[1:])], run=was.run)
                counts.add(acked=len(placed))
    return len(missing) - found
