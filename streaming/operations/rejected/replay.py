"""Sends rejected events again, exactly once: as new rows of bronze, which the hops process as any other row.

A new row's position names the event that it replays: `stream` is `replay`, and `sequence_number` is the position of the
rejected event. Bronze itself holds what was replayed. All rows are one commit, so a crash leaves all of them or none.
If two replays run at once, one fails, since both claim the next number of the application transaction `replay`. Of an
array, only the rejected event is sent. An event that is rejected again gets a new position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Transaction

from streaming.delta.tables import open_table, plain
from streaming.events.parse import Accepted, parse_record
from streaming.operations.bronze_rows import Row, append, bronze_row
from streaming.operations.silver_ids import present
from streaming.settings import Settings
from streaming.tables import bronze_events, silver_rejected

STREAM = "replay"
COLUMNS = ["reason", "data", "stream", "partition_key", "sequence_number", "record_index", "record_digest"]


@dataclass
class Replayed:
    """How many rejected events were sent again, and how many were not, by reason."""

    sent: int = 0
    sent_before: int = 0
    still_rejected: int = 0
    already_accepted: int = 0


def replay(settings: Settings, reason: str, *, dry_run: bool = False) -> Replayed:
    """Send those rejected events with this reason again that this release's contract accepts.

    Raises OperationFailed if another replay is running. Memory: one batch, and the events to send.
    """
    bronze = open_table(settings, bronze_events.NAME)
    number = (bronze.transaction_version(STREAM) or 0) + 1
    before = _replayed(bronze)
    done, fresh = Replayed(), []
    for row in _rejected(settings, reason):
        again = _again(row, datetime.now(UTC))
        if again is None:
            done.still_rejected += 1
        elif again["sequence_number"] in before:
            done.sent_before += 1
        else:
            fresh.append(again)
    ids = {again["event_id"] for again in fresh}
    accepted = present(settings, ids)
    done.already_accepted = sum(again["event_id"] in accepted for again in fresh)
    rows = [again for again in fresh if again["event_id"] not in accepted]
    done.sent = len(rows)
    if rows and not dry_run:
        append(bronze, rows, Transaction(STREAM, number))
    return done


def _again(row: Row, now: datetime) -> dict[str, Any] | None:
    """The bronze row (and `event_id`) that replays a rejected one; None if it would be rejected again."""
    data = row["data"] or b""
    own = silver_rejected.event_bytes(row)
    parsed = parse_record(own, now)
    if len(parsed) != 1 or not isinstance(parsed[0], Accepted):
        return None
    # The parts of an aggregate that a connector took apart share everything but their bytes.
    digest = row["record_digest"] or blake2b(data, digest_size=6).hexdigest()
    place = f"{row['sequence_number']}.{row['record_index']}.{digest}"
    return {**bronze_row(own, STREAM, row["partition_key"], place, now), "event_id": parsed[0].event_id}


def _rejected(settings: Settings, reason: str) -> Iterator[Row]:
    for batch in open_table(settings, silver_rejected.NAME).scan(columns=COLUMNS):
        rows = plain(pa.table(batch))
        yield from rows.filter(pc.equal(rows["reason"], reason)).to_pylist()


def _replayed(bronze: DeltaTable) -> set[str]:
    """The sequence numbers of all replayed rows."""
    rows = plain(pa.table(bronze.scan(columns=["stream", "sequence_number"], predicate=f"stream = '{STREAM}'")))
    return set(rows["sequence_number"].to_pylist())
