"""Delivery: the cursor never passes an event that was not acknowledged, and repeats are written once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.counts import Counts
from connectors.cursors import Cursor, LocalFile, place_of
from connectors.delivery import Delivery
from connectors.errors import CursorError, PutFailed, StreamUnusable, UsageError
from connectors.event import Event, Events
from connectors.session import Batch, Troubles
from connectors.sinks import Placed, PutReport
from connectors.sinks.kinesis import KinesisSink
from connectors.sinks.lines import opened
from tests.connecting import ListSink, MemoryPlace

MAKE = Events("test")
AT = 1_790_000_000_000_000


def a_post(number: int) -> Event:
    return MAKE.post(MAKE.item(str(number)), "ann", f"text {number}", version="1", at=AT)


def posts(first: int, after: int) -> list[Event]:
    return [a_post(number) for number in range(first, after)]


def a_delivery(sink: Any, place: Any = None, **options: Any) -> Delivery:
    counts = Counts("test", None, Troubles())
    return Delivery(sink, Cursor(place or MemoryPlace(), "test"), counts, wait=lambda _: False, **options)


class FailingSink(ListSink):
    def put(self, events: Sequence[Event], report: PutReport) -> list[Placed]:
        raise PutFailed("no")


def test_the_cursor_stays_where_it_was_when_a_put_fails() -> None:
    place = MemoryPlace()
    with pytest.raises(PutFailed):
        a_delivery(FailingSink(), place).take(Batch(posts(0, 500), 7, 500))
    assert place.document is None


def test_the_cursor_moves_after_the_put_and_without_events_too() -> None:
    place, sink = MemoryPlace(), ListSink()
    delivery = a_delivery(sink, place)
    delivery.take(Batch(posts(0, 3), 7, 3))
    assert place.document is None  # they wait for others
    delivery.flush()
    assert place.document is not None
    assert json.loads(place.document)["cursor"] == 7
    delivery.take(Batch([], 8, 1))
    assert json.loads(place.document)["cursor"] == 8


def test_a_limit_cuts_a_batch_and_the_cursor_stays_before_it() -> None:
    place, sink = MemoryPlace(), ListSink()
    delivery = a_delivery(sink, place, limit=5)
    delivery.take(Batch(posts(0, 3), 3, 3))
    delivery.take(Batch(posts(3, 9), 9, 6))
    assert delivery.full
    assert len(sink.events) == 5
    assert place.document is not None
    assert json.loads(place.document)["cursor"] == 3


def test_repeats_are_delivered_once() -> None:
    sink = ListSink()
    delivery = a_delivery(sink)
    for batch in (posts(0, 4), posts(2, 6)):
        delivery.take(Batch(batch, None, len(batch)))
    delivery.flush(last=True)
    assert sink.events == posts(0, 6)


def test_an_order_to_stop_while_the_rate_holds_events_back_leaves_the_rest_for_the_next_run() -> None:
    place, sink = MemoryPlace(), ListSink()
    counts = Counts("test", 2.0, Troubles())
    delivery = Delivery(sink, Cursor(place, "test"), counts, rate=2.0, wait=lambda _: True)
    delivery.take(Batch(posts(0, 9), 9, 9))
    delivery.flush(last=True)
    assert 0 < len(sink.events) < 9
    assert place.document is None


def test_a_continued_file_loses_its_torn_line_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_bytes(b"".join(event.data + b"\n" for event in posts(0, 3)) + b'{"event_id": "to')
    sink = opened(path, continued=True)
    delivery = a_delivery(sink)
    delivery.take(Batch(posts(1, 5), 5, 4))
    delivery.flush(last=True)
    sink.close()
    assert path.read_bytes() == b"".join(event.data + b"\n" for event in posts(0, 5))


def test_without_a_cursor_the_file_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")
    opened(path, continued=False).close()
    assert path.read_bytes() == b""


def test_a_cursor_is_read_back_and_only_by_its_own_source(tmp_path: Path) -> None:
    place = LocalFile(tmp_path / "cursor")
    assert Cursor(place, "bluesky").load() is None
    Cursor(place, "bluesky").save(12)
    assert Cursor(place, "bluesky").load() == 12
    with pytest.raises(CursorError, match="belongs to 'bluesky', not to 'rss'"):
        Cursor(place, "rss").load()
    (tmp_path / "cursor").write_text("{}")
    with pytest.raises(CursorError, match="expected what this command writes"):
        Cursor(place, "bluesky").load()
    with pytest.raises(UsageError, match="expected a file or s3://BUCKET/KEY"):
        place_of("gs://bucket/key", {})


class PartlyFailing:
    """A Kinesis client that refuses every other record of its first call."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def put_records(self, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        self.calls.append([json.loads(record["Data"])["payload"]["text"] for record in Records])
        failed = {"ErrorCode": "ProvisionedThroughputExceededException"}
        done = {"ShardId": "shard-0", "SequenceNumber": "1"}
        return {"Records": [failed if len(self.calls) == 1 and i % 2 else done for i in range(len(Records))]}


class Heard:
    """A report that remembers."""

    def __init__(self) -> None:
        self.failures: list[tuple[int, int]] = []

    def failed(self, count: int, throttled: int) -> None:
        self.failures.append((count, throttled))

    def unknown(self, places: Sequence[int]) -> None:
        pass


def test_kinesis_gets_exactly_those_records_again_that_failed() -> None:
    client, heard = PartlyFailing(), Heard()
    placed = KinesisSink(client, "events", sleep=lambda _: None).put(posts(0, 4), heard)
    assert client.calls == [[f"text {n}" for n in range(4)], ["text 1", "text 3"]]
    assert [each.place for each in placed] == [0, 1, 2, 3]
    assert heard.failures == [(2, 2)]


def test_kinesis_takes_at_most_500_records_a_call() -> None:
    client = PartlyFailing()
    client.calls.append([])
    KinesisSink(client, "events").put(posts(0, 1_201), Heard())
    assert [len(call) for call in client.calls[1:]] == [500, 500, 201]


def test_a_put_that_fails_after_the_order_to_stop_is_given_up() -> None:
    with pytest.raises(PutFailed, match="1 events could not be put into 'events'"):
        KinesisSink(PartlyFailing(), "events", give_up=lambda: True).put(posts(0, 2), Heard())


def test_an_unreachable_kinesis_is_said_before_anything_is_read() -> None:
    from connectors.aws import client

    kinesis = client("kinesis", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    with pytest.raises(StreamUnusable, match="cannot reach Kinesis") as refused:
        KinesisSink(kinesis, "events").check()
    assert refused.value.exit_code == 2
