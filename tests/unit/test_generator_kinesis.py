"""Putting records: retries, limits and what is never put."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("boto3")

from botocore.exceptions import ClientError, ReadTimeoutError

from generator.delivery.kinesis import KinesisStream, ShardLimits, batches
from generator.errors import PutFailed, StreamUnusable
from generator.events.records import MAX_RECORD, Expected, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST = 2**128 - 1


def a_record(data: bytes = b"x", key: str = "u1") -> Record:
    return Record(data, key, (Expected("e", "post", "silver"),))


class FakeKinesis:
    """Answers put_records with the given answers, then takes everything."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[list[bytes]] = []
        self.number = 0
        self.summary: dict[str, Any] = {}

    def describe_stream_summary(self, StreamName: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": self.summary}

    def list_shards(self, **query: Any) -> dict[str, Any]:
        return {"Shards": [{"ShardId": "s0", "HashKeyRange": {"EndingHashKey": str(LAST)}, "SequenceNumberRange": {}}]}

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        self.calls.append([r["Data"] for r in Records])
        codes = self.answers.pop(0) if self.answers else [None] * len(Records)
        if isinstance(codes, Exception):
            raise codes
        return {"Records": [self._result(code) for code in codes]}

    def _result(self, code: str | None) -> dict[str, str]:
        self.number += 1
        return {"ErrorCode": code} if code else {"ShardId": "s0", "SequenceNumber": str(self.number)}

    def close(self) -> None:
        pass


class Told:
    """Remembers what a put reported."""

    def __init__(self) -> None:
        self.failures: list[tuple[int, int]] = []
        self.unknowns: list[int] = []

    def failed(self, count: int, throttled: int) -> None:
        self.failures.append((count, throttled))

    def unknown(self, indexes: Sequence[int]) -> None:
        self.unknowns += indexes


def a_stream(client: FakeKinesis, slept: list[float] | None = None, **options: Any) -> KinesisStream:
    waits = slept if slept is not None else []
    return KinesisStream(client, "events", keep_limits=False, sleep=waits.append, **options)


THROTTLED = "ProvisionedThroughputExceededException"


def test_exactly_the_failed_records_are_put_again() -> None:
    client = FakeKinesis([None, THROTTLED, None, "InternalFailure"], [THROTTLED, None])
    told = Told()
    placed = a_stream(client).put([a_record(d) for d in (b"a", b"b", b"c", b"d")], told)
    assert client.calls == [[b"a", b"b", b"c", b"d"], [b"b", b"d"], [b"b"]]
    assert [p.place for p in placed] == [0, 1, 2, 3]
    assert told.failures == [(2, 1), (1, 1)]
    assert told.unknowns == []


def test_waits_between_attempts_grow_and_are_capped() -> None:
    slept: list[float] = []
    client = FakeKinesis(*[[THROTTLED]] * 12)
    a_stream(client, slept).put([a_record()], Told())
    assert len(slept) == 12
    assert slept[0] <= 0.05
    assert all(wait <= 5.0 for wait in slept)
    assert min(slept[-3:]) >= 2.5


def test_an_attempt_without_an_answer_is_reported_and_repeated() -> None:
    client = FakeKinesis(ReadTimeoutError(endpoint_url="http://x"))
    told = Told()
    placed = a_stream(client).put([a_record(b"a"), a_record(b"b")], told)
    assert len(placed) == 2
    assert told.unknowns == [0, 1]


def test_a_stream_that_refuses_is_an_error_at_once() -> None:
    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutRecords")
    with pytest.raises(StreamUnusable, match="refuses"):
        a_stream(FakeKinesis(refusal)).put([a_record()], Told())


def test_it_gives_up_only_when_told_to() -> None:
    client = FakeKinesis(*[[THROTTLED]] * 5)
    patience = iter([False, False, True])
    with pytest.raises(PutFailed, match="1 records"):
        a_stream(client, give_up=lambda: next(patience)).put([a_record()], Told())


def test_a_call_takes_at_most_500_records_and_5_megabytes() -> None:
    assert batches([a_record()] * 1201) == [(0, 500), (500, 1000), (1000, 1201)]
    big = [a_record(b"x" * 1_000_000)] * 11
    assert batches(big) == [(0, 5), (5, 10), (10, 11)]
    assert batches([]) == []


def test_a_record_above_the_limit_is_refused_with_its_reason() -> None:
    stream = a_stream(FakeKinesis())
    assert stream.refuses(a_record(b"x" * (MAX_RECORD - 2))) is None
    assert "1048577 bytes" in str(stream.refuses(a_record(b"x" * (MAX_RECORD - 1))))


def test_a_stream_that_was_told_to_take_10_mib_gets_them() -> None:
    client = FakeKinesis()
    client.summary = {"MaxRecordSizeInKiB": 10_240}
    stream = a_stream(client, [])
    assert stream.refuses(a_record(b"x" * 10_000_000)) is None
    assert "the stream takes 10485760" in str(stream.refuses(a_record(b"x" * 10_485_760)))


def test_a_shard_gets_at_most_a_thousand_records_a_second() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    limits = ShardLimits([(LAST, "s0")], clock=lambda: now[0], sleep=sleep)
    for _ in range(10):
        limits.wait_for([a_record()] * 500)
    assert now[0] == pytest.approx(4.0)  # 5,000 records, the first second's worth at once


def test_a_shard_gets_at_most_a_megabyte_a_second() -> None:
    now = [0.0]
    limits = ShardLimits([(LAST, "s0")], clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))
    for _ in range(4):
        limits.wait_for([a_record(b"x" * (1024 * 1024 - 2))])
    assert now[0] == pytest.approx(3.0)


def test_keys_fall_into_the_shard_that_holds_their_hash() -> None:
    limits = ShardLimits([(LAST // 2, "s0"), (LAST, "s1")])
    places = [limits.shard_of(f"u{number}") for number in range(100)]
    assert {0, 1} == set(places)
    assert limits.shard_of("a") == 0  # md5 0cc1...
    assert limits.shard_of("b") == 1  # md5 92eb...
