"""Brings quarantined rows back, each by the way of the hop that left it out, then deletes them from quarantine.

Guarantee: exactly once. Each way recognises what it has brought already, and a row leaves quarantine only after that:
whatever the command dies between, it may be run again.

- refine: the event becomes a new row of bronze, whose position names the quarantined one.
- load: the fact is loaded as silver has it now; facts are keyed by event id.
- serve: the row of gold is written again as it is, which the hop takes for a change and serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Transaction

from streaming.delta.tables import open_table, plain
from streaming.operations.bronze_rows import append, bronze_row
from streaming.operations.quarantined import gold, warehouse
from streaming.operations.quarantined.rows import Row, release, waiting
from streaming.operations.silver_ids import present
from streaming.settings import Settings
from streaming.tables import bronze_events, catalog, silver_rejected
from streaming.tables.silver_quarantined import REPLAY_STREAM

# The duplicate filter has not seen the ids of these events: they take the way of a replayed rejected event.
UNSEEN_STREAM = "replay"
KNOWN = frozenset(table.name for table in catalog.SILVER.values()) - {silver_rejected.NAME}


@dataclass
class Replayed:
    """How many quarantined rows were brought back, were there already, are still refused, or exist no more."""

    sent: int = 0
    sent_before: int = 0
    still_refused: int = 0
    gone: int = 0


def replay(settings: Settings, hop: str | None, *, dry_run: bool = False) -> Replayed:
    """Bring the quarantined rows of a hop (None: of all) back.

    Raises SettingsError if rows of the warehouse wait and no warehouse is named, OperationFailed if another replay is
    running, SinkUnavailable if the warehouse cannot be reached.
    """
    rows, done = waiting(settings, hop), Replayed()
    if dry_run:
        done.sent = len(rows)
        return done
    by_hop = {name: [row for row in rows if row["hop"] == name] for name in ("refine", "load", "serve")}
    _refine(settings, by_hop["refine"], done)
    loaded = warehouse.load(settings, by_hop["load"])
    served = gold.touch(settings, by_hop["serve"])
    done.sent += len(loaded.sent) + len(served.sent)
    done.gone += len(loaded.gone) + len(served.gone)
    done.still_refused += len(loaded.refused)
    release(settings, [*loaded.sent, *loaded.gone, *served.sent, *served.gone])
    return done


def _refine(settings: Settings, rows: Sequence[Row], done: Replayed) -> None:
    if not rows:
        return
    bronze = open_table(settings, bronze_events.NAME)
    number = (bronze.transaction_version(REPLAY_STREAM) or 0) + 1
    before, accepted = _replayed(bronze), present(settings, (row["event_id"] for row in rows if row["event_id"]))
    now = datetime.now(UTC)
    fresh = [row for row in rows if _position(row) not in before and row["event_id"] not in accepted]
    if fresh:
        append(bronze, [_again(row, now) for row in fresh], Transaction(REPLAY_STREAM, number))
    done.sent += len(fresh)
    done.sent_before += len(rows) - len(fresh)
    release(settings, rows)


def _again(row: Row, now: datetime) -> dict[str, Any]:
    """The bronze row that replays a quarantined event or record."""
    stream = REPLAY_STREAM if row["table_name"] in KNOWN else UNSEEN_STREAM
    return dict(bronze_row(row["data"], stream, row["partition_key"], _position(row), now))


def _position(row: Row) -> str:
    return f"quarantined/{row['key']}"


def _replayed(bronze: DeltaTable) -> set[str]:
    """The sequence numbers of all replayed rows."""
    streams = f"stream = '{REPLAY_STREAM}' OR stream = '{UNSEEN_STREAM}'"
    rows = plain(pa.table(bronze.scan(columns=["stream", "sequence_number"], predicate=streams)))
    return set(rows["sequence_number"].to_pylist())
