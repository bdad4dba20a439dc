"""The Lambda handler against a hand-written Kinesis."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("boto3")

from generator.errors import PutFailed, UsageError

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[2]
LAST = 2**128 - 1


class FakeKinesis:
    """Takes everything, unless told to throttle."""

    def __init__(self) -> None:
        self.data: list[bytes] = []
        self.throttles = False

    def describe_stream_summary(self, StreamName: str) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {}}

    def list_shards(self, **query: Any) -> dict[str, Any]:
        ends = (("a", LAST // 2), ("b", LAST))
        return {
            "Shards": [
                {"ShardId": name, "HashKeyRange": {"EndingHashKey": str(end)}, "SequenceNumberRange": {}}
                for name, end in ends
            ]
        }

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        if self.throttles:
            return {"Records": [{"ErrorCode": "ProvisionedThroughputExceededException"} for _ in Records]}
        self.data += [r["Data"] for r in Records]
        return {"Records": [{"ShardId": "a", "SequenceNumber": str(i)} for i, _ in enumerate(Records)]}


class Context:
    """As much of Lambda's context as the handler asks for."""

    def __init__(self, seconds: float = 30) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


@pytest.fixture
def kinesis() -> FakeKinesis:
    return FakeKinesis()


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, kinesis: FakeKinesis) -> ModuleType:
    spec = importlib.util.spec_from_file_location("handler", ROOT / "deploy" / "lambda" / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "_client", lambda: kinesis)
    monkeypatch.setenv("STREAM_NAME", "events")
    monkeypatch.setenv("EVENTS_PER_MINUTE", "120")
    return module


def a_sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text())
    return event


def test_a_schedule_sends_the_minute_before_at_once(function: ModuleType, kinesis: FakeKinesis) -> None:
    answer = function.handler(a_sample("scheduled"), Context())
    assert answer["acked"] == answer["sent"] == len(kinesis.data) == 120
    times = [json.loads(d)["event_time"] for d in kinesis.data if b'"post"' in d and d.startswith(b'{"event_id')]
    assert any(t.startswith("2026-11-23T15:29:") for t in times)


def test_a_repeated_minute_sends_the_same_bytes(function: ModuleType, kinesis: FakeKinesis) -> None:
    function.handler(a_sample("scheduled"), Context())
    first, kinesis.data = kinesis.data, []
    function.handler(a_sample("scheduled"), Context())
    assert kinesis.data == first
    kinesis.data = []
    function.handler({**a_sample("scheduled"), "time": "2026-11-23T15:31:00Z"}, Context())
    assert not set(kinesis.data) & set(first)


def test_spread_over_the_minute_it_never_sleeps_past_its_time(
    function: ModuleType, kinesis: FakeKinesis, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_795_447_800.0]  # 2026-11-23T15:30:00Z
    slept: list[float] = []

    class Time:
        time = staticmethod(lambda: clock[0])
        monotonic = staticmethod(lambda: clock[0])

        @staticmethod
        def sleep(seconds: float) -> None:
            slept.append(seconds)
            clock[0] += seconds

    monkeypatch.setattr(function, "time", Time)
    monkeypatch.setenv("SPREAD", "true")
    function.handler(a_sample("scheduled"), Context(seconds=35))
    assert len(kinesis.data) == 120
    assert 25 < sum(slept) < 30  # of 35 s, five are kept; what was due later went at once


def test_given_records_are_sent_as_they_stand(function: ModuleType, kinesis: FakeKinesis) -> None:
    answer = function.handler(a_sample("direct"), Context())
    assert answer["rejected"] == {"missing_field": 1}
    assert [json.loads(d) for d in kinesis.data] == a_sample("direct")["records"]


def test_records_of_the_seed_system_become_events(function: ModuleType, kinesis: FakeKinesis) -> None:
    answer = function.handler(a_sample("seed_system"), Context())
    assert answer["by_kind"] == {"comment": 3, "interaction": 4, "post": 2, "user": 2}
    assert answer["rejected"] == {}


def test_a_throttled_stream_fails_the_invocation_in_time(function: ModuleType, kinesis: FakeKinesis) -> None:
    kinesis.throttles = True
    with pytest.raises(PutFailed, match="could not be put"):
        function.handler(a_sample("scheduled"), Context(seconds=5.2))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("STREAM_NAME", "", "STREAM_NAME is not set"), ("EVENTS_PER_MINUTE", "many", "'many', expected a whole number")],
)
def test_wrong_settings_are_named(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=message):
        function.handler(a_sample("scheduled"), Context())
