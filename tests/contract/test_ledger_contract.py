"""Connectors write a ledger that the generator's reader, and so the audit, reads; neither imports the other."""

from __future__ import annotations

import hashlib
from pathlib import Path

from connectors.event import Events
from connectors.ledger import Ledger
from connectors.sinks import Placed
from generator import ledger as audited
from generator.events.reference_validator import classify

AT = 1_790_000_000_000_000


def test_what_a_connector_wrote_down_is_what_the_audit_reads(tmp_path: Path) -> None:
    make = Events("test")
    events = [make.post(make.item(str(n)), "ann", f"text {n}", version="1", at=AT) for n in range(3)]
    written = Ledger(tmp_path)
    written.note("start", source="test")
    first = written.intend(events)
    written.unknown(first, [1])
    written.acknowledge(first, [Placed(0, "shard-0", "11", 1.5), Placed(1, "shard-1", "12", 1.5)])
    written.close()
    entries = list(audited.entries(tmp_path))
    assert [entry.ack.sequence_number if entry.ack else None for entry in entries] == ["11", "12", None]
    assert [entry.uncertain for entry in entries] == [False, True, False]
    assert [entry.sha256 for entry in entries] == [hashlib.sha256(event.data).hexdigest() for event in events]
    for entry, event in zip(entries, events, strict=True):
        assert entry.expected == classify(event.data, AT / 1e6).expected


def test_the_bytes_can_be_put_again(tmp_path: Path) -> None:
    make = Events("test")
    event = make.post(make.item("1"), "ann", "text", version="1", at=AT)
    written = Ledger(tmp_path)
    written.acknowledge(written.intend([event]), [Placed(0, "shard-0", "11", 1.5)])
    written.close()
    (kept,) = audited.outbox(tmp_path, without=())
    assert (kept.key, kept.data) == (event.key, event.data)
