"""The rows of a record: what they hold, and how much memory they take."""

from __future__ import annotations

import json
import tracemalloc

import pyarrow as pa

from streaming.tables import silver_rejected
from streaming.tables.parsed_events import SLICE_BYTES, parsed_batches
from tests.builders import a_bronze_row, a_record, an_event

MEBIBYTE = 1024 * 1024


def rows_of(*records: bytes) -> list[dict[str, object]]:
    bronze = pa.RecordBatch.from_pylist([a_bronze_row(data, number) for number, data in enumerate(records)])
    return [row for batch in parsed_batches([bronze]) for row in batch.to_pylist()]


def test_a_rejected_event_of_an_array_keeps_its_own_bytes_alone() -> None:
    bad = json.dumps(an_event("user", {"user_age": "30"}))
    first, second = rows_of(f"[{bad}, {bad}]".encode())
    assert first["data"] == second["data"] == bad.encode()
    assert first["record_digest"] == second["record_digest"]


def test_an_unreadable_record_is_kept_whole() -> None:
    (row,) = rows_of(b"{broken")
    assert row["data"] == b"{broken"
    assert silver_rejected.event_bytes(row) == b"{broken"


def test_no_event_can_claim_the_key_of_a_rejected_one() -> None:
    """The sender knows the position of a record, and so all of the key; the event would have been dropped as a copy."""
    (rejected,) = rows_of(b"{broken")
    (claiming,) = rows_of(a_record(event_id=str(rejected["duplicate_key"])))
    assert claiming["entity"] == "rejected"
    (claiming,) = rows_of(a_record(event_id=str(rejected["duplicate_key"]).replace("\0", "")))
    assert claiming["duplicate_key"] != rejected["duplicate_key"]


def test_rows_of_earlier_releases_hold_the_record_around_the_event() -> None:
    old = {"data": b"[1, 2]", "record_index": 1, "record_digest": None}
    assert silver_rejected.event_bytes(old) == b"2"


def test_a_records_rows_take_memory_in_proportion_to_the_record() -> None:
    """A megabyte of bad events once took gigabytes: each row carried the whole record."""
    bad = json.dumps(an_event("user", {"user_age": "30"})).encode()
    hostile = [
        b"[" + b",".join([bad] * 2_900) + b"]",
        b"[" + b"1," * 9_999 + b"1]",
        b"[" + b",".join([a_record("user", {"user_age": "30"}, pad="x" * 100_000)] * 10) + b"]",
    ]
    for data in hostile:
        bronze = pa.RecordBatch.from_pylist([a_bronze_row(data)])
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        for batch in parsed_batches([bronze]):
            assert batch.nbytes < SLICE_BYTES + 2 * len(data)
            assert pa.total_allocated_bytes() - before < SLICE_BYTES + 4 * len(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * SLICE_BYTES + 10 * len(data)


def test_many_records_come_in_slices() -> None:
    record = a_record(payload={"text": "x" * 10_000})
    bronze = pa.RecordBatch.from_pylist([a_bronze_row(record, number) for number in range(2_000)])
    batches = list(parsed_batches([bronze]))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == 2_000
    assert max(batch.nbytes for batch in batches) < 4 * SLICE_BYTES
