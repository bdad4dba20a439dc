"""What was sent, by the ledger, and what must become of it, by the reference validator on bronze's bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from generator import ledger
from generator.events.reference_validator import classify
from harness.audit.lake import number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

AT_ONCE = 20_000

SENT = pa.schema(
    [
        *[pa.field(name, pa.string()) for name in ("run", "sha256", "sequence_number", "unsendable")],
        pa.field("record", pa.int64()),
        pa.field("put_time", pa.float64()),
        pa.field("uncertain", pa.bool_()),
    ]
)
PROMISED = pa.schema([("event_id", pa.string())])
EXPECTED = pa.schema(
    [
        *[pa.field(name, pa.string()) for name in ("sequence_number", "event_id", "entity", "reason")],
        pa.field("record_index", pa.int32()),
        pa.field("part", pa.string()),
        *[pa.field(name, pa.string()) for name in ("item_kind", "item_id")],
        pa.field("event_us", pa.int64()),
    ]
)
HELD = pa.schema([("sequence_number", pa.string()), ("sha256", pa.string())])

Progress = Callable[[str, int], None]


def load_ledger(connection: DuckDBPyConnection, folder: Path, progress: Progress) -> None:
    """Make three tables from the ledger.

    `sent`: one row a record. `promised`: ids of acknowledged events, which silver must hold. `forgotten`: ids that it
    need not hold; empty at first.
    """
    connection.execute(_ddl("sent", SENT))
    connection.execute(_ddl("promised", PROMISED))
    connection.execute(_ddl("forgotten", PROMISED))
    done = 0
    for batch in _batches(ledger.entries(folder)):
        _insert(connection, "sent", SENT, [_sent(entry) for entry in batch])
        ids = [
            {"event_id": event.event_id}
            for entry in batch
            if entry.ack
            for event in entry.expected
            if event.outcome == "silver"
        ]
        _insert(connection, "promised", PROMISED, ids)
        done += len(batch)
        progress("reading the ledger", done)


def forget_erased(connection: DuckDBPyConnection) -> None:
    """Take the records and events of view `erased` out of what is expected: `moodstream erase` removed them.

    Copies that arrived later are not expected either: the job recognises their id and drops them.
    """
    connection.execute("delete from sent where sequence_number in (select sequence_number from erased)")
    connection.execute("insert into forgotten select event_id from erased where event_id is not null")


def expect(connection: DuckDBPyConnection, progress: Progress) -> None:
    """Make tables `held` (hashes of bronze's records) and `expected` (one row for each event of each bronze record).

    `item_kind`, `item_id`, `event_us`: the item that an accepted event is about, and the event's time.
    `part` distinguishes the parts of an aggregated record that a connector split: they share a sequence number.
    """
    connection.execute(_ddl("held", HELD))
    connection.execute(_ddl("expected", EXPECTED))
    reader = connection.cursor()
    reader.execute("select sequence_number, data, epoch_us(arrival_time) / 1e6 from bronze")
    done = 0
    while rows := reader.fetchmany(AT_ONCE):
        held: list[dict[str, Any]] = []
        expected: list[dict[str, Any]] = []
        for sequence, data, arrival in rows:
            digest = hashlib.sha256(data or b"").hexdigest()
            held.append({"sequence_number": sequence, "sha256": digest})
            expected += _events(sequence, data or b"", arrival, digest)
        _insert(connection, "held", HELD, held)
        _insert(connection, "expected", EXPECTED, expected)
        done += len(rows)
        progress("checking bronze", done)


def bronze(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Compare bronze with the ledger.

    `lost`: acknowledged but not in bronze. `duplicated`: in bronze more than once. `altered`: with other bytes.
    No faults: `unacknowledged`, in bronze though the generator died before it recorded the acknowledgement; `foreign`,
    unknown to the ledger, so that somebody else put them.
    """

    def count(sql: str) -> int:
        return number(connection, sql)

    return {
        "rows": count("select count(*) from held"),
        "lost": count("select count(*) from sent anti join held using (sequence_number)"
                      " where sequence_number is not null"),
        "duplicated": count("select count(*) - count(distinct (sequence_number, sha256)) from held"),
        "altered": count("select count(*) from sent join held using (sequence_number) where sent.sha256 <> held.sha256"
                         " and not exists (select 1 from held as part where part.sequence_number ="
                         " sent.sequence_number and part.sha256 <> held.sha256)"),
        "unacknowledged": count(f"select count(*) from {UNKNOWN} where sha256 in (select sha256 from sent)"),
        "foreign": count(f"select count(*) from {UNKNOWN} where sha256 not in (select sha256 from sent)"),
    }  # fmt: skip


UNKNOWN = "(select held.sha256 from held anti join sent using (sequence_number))"


def totals(connection: DuckDBPyConnection) -> dict[str, Any]:
    """Count records: `sent` were acknowledged, `in_flight` got no answer, `unsendable` were refused (with reasons)."""
    refused = connection.execute("select run, record, unsendable from sent where unsendable is not null limit 100")
    return {
        "sent": number(connection, "select count(*) from sent where sequence_number is not null"),
        "in_flight": number(
            connection, "select count(*) from sent where sequence_number is null and unsendable is null"
        ),
        "unsendable": {
            "records": number(connection, "select count(*) from sent where unsendable is not null"),
            "first": [dict(zip(("run", "record", "reason"), row, strict=True)) for row in refused.fetchall()],
        },
    }


def _sent(entry: ledger.Entry) -> dict[str, Any]:
    return {
        "run": entry.run,
        "record": entry.record,
        "sha256": entry.sha256,
        "sequence_number": entry.ack.sequence_number if entry.ack else None,
        "put_time": entry.ack.put_time if entry.ack else None,
        "unsendable": entry.unsendable,
        "uncertain": entry.uncertain,
    }


def _events(sequence: str, data: bytes, arrival: float, digest: str) -> Iterator[dict[str, Any]]:
    verdict = classify(data, arrival)
    subjects = verdict.subjects or (None,) * len(verdict.expected)
    for index, (event, subject) in enumerate(zip(verdict.expected, subjects, strict=True)):
        if event.outcome == "erased":
            continue
        about = {"item_kind": subject.kind, "item_id": subject.item_id, "event_us": subject.at} if subject else {}
        yield {
            "sequence_number": sequence,
            "part": digest,
            "record_index": index,
            "event_id": event.event_id,
            "entity": event.entity,
            "reason": event.reason,
            **about,
        }


def _batches(entries: Iterable[ledger.Entry]) -> Iterator[list[ledger.Entry]]:
    iterator = iter(entries)
    while batch := list(islice(iterator, AT_ONCE)):
        yield batch


def _ddl(name: str, schema: pa.Schema) -> str:
    types = {pa.string(): "varchar", pa.int64(): "bigint", pa.int32(): "integer", pa.float64(): "double"}
    columns = ", ".join(f"{field.name} {types.get(field.type, 'boolean')}" for field in schema)
    return f"create or replace table {name} ({columns})"


def _insert(connection: DuckDBPyConnection, name: str, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.register("incoming", pa.Table.from_pylist(rows, schema=schema))
        connection.execute(f"insert into {name} select * from incoming")
        connection.unregister("incoming")
