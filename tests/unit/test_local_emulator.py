"""What replaces ministack's own walks over a shard: bisection, and trimming under live iterators."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deploy.local import emulator

HOUR = 3600.0


def a_record(number: int, age: float = 0.0) -> dict[str, Any]:
    return {"SequenceNumber": f"{number:030d}", "ApproximateArrivalTimestamp": time.time() - age}


def a_stream(*records: dict[str, Any]) -> dict[str, Any]:
    return {"StreamARN": "arn:s", "shards": {"shard-0": {"records": list(records)}}}


@pytest.mark.parametrize(
    ("kind", "sequence", "expected"),
    [
        ("TRIM_HORIZON", "", 0),
        ("LATEST", "", 3),
        ("AT_SEQUENCE_NUMBER", f"{20:030d}", 1),
        ("AFTER_SEQUENCE_NUMBER", f"{20:030d}", 2),
        ("AFTER_SEQUENCE_NUMBER", "20", 2),
        ("AFTER_SEQUENCE_NUMBER", f"{15:030d}", 1),
        ("AFTER_SEQUENCE_NUMBER", f"{99:030d}", 3),
        ("NO_SUCH_KIND", "", None),
    ],
)
def test_an_iterator_starts_where_kinesis_would_start_it(kind: str, sequence: str, expected: int | None) -> None:
    records = [a_record(10), a_record(20), a_record(30)]

    assert emulator._position(records, kind, sequence, None) == expected


def test_an_iterator_at_a_time_starts_with_the_first_record_from_then_on() -> None:
    records = [a_record(10, age=100), a_record(20, age=50), a_record(30, age=0)]

    assert emulator._position(records, "AT_TIMESTAMP", "", time.time() - 60) == 1


def test_records_past_the_retention_go_and_iterators_keep_their_place() -> None:
    stream = a_stream(a_record(10, age=2 * HOUR), a_record(20, age=2 * HOUR), a_record(30), a_record(40))
    reader = {"stream_arn": "arn:s", "shard_id": "shard-0", "position": 3}
    other = {"stream_arn": "arn:other", "shard_id": "shard-0", "position": 3}

    emulator._trim(stream, {"a": reader, "b": other})

    records = stream["shards"]["shard-0"]["records"]
    assert [int(record["SequenceNumber"]) for record in records] == [30, 40]
    assert int(records[reader["position"]]["SequenceNumber"]) == 40, "the next record is the same as before"
    assert other["position"] == 3


def test_trimming_is_not_repeated_at_every_put() -> None:
    stream = a_stream(a_record(10))
    emulator._trim(stream, {})
    stream["shards"]["shard-0"]["records"].insert(0, a_record(5, age=2 * HOUR))

    emulator._trim(stream, {})

    assert len(stream["shards"]["shard-0"]["records"]) == 2
