"""What a connector sends to CloudWatch, and that CloudWatch cannot hold it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import moodstream
from connectors.counts import Counts
from connectors.cursors import S3Object
from connectors.errors import CursorError
from connectors.metrics import Metrics
from connectors.session import Troubles
from tests.patience import wait_until

NEVER = 3600.0  # seconds: only `close` sends


class Recording:
    """A CloudWatch that keeps what it was sent."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def put_metric_data(self, **request: Any) -> None:
        self.calls.append(request)

    def values(self, name: str) -> list[float]:
        return [each["Value"] for call in self.calls for each in call["MetricData"] if each["MetricName"] == name]


class Unreachable:
    """A CloudWatch that does not answer the first calls."""

    def __init__(self, failures: int) -> None:
        self.failures, self.calls = failures, 0

    def put_metric_data(self, **_: Any) -> None:
        self.calls += 1
        if self.calls <= self.failures:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


def counts_of(troubles: Troubles, acked: int = 0) -> Counts:
    counts = Counts("bluesky", None, troubles)
    counts.add(acked=acked)
    return counts


def test_rate_and_reconnects_are_sent_with_the_source_as_their_dimension() -> None:
    troubles, cloudwatch = Troubles(), Recording()
    counts = counts_of(troubles)
    metrics = Metrics(cloudwatch, "Moodstream", "bluesky", counts, print, every=NEVER)
    counts.add(acked=40)
    troubles.add("reconnects", 3)
    metrics.close()
    [call] = cloudwatch.calls
    assert call["Namespace"] == "Moodstream"
    assert {each["MetricName"]: each["Unit"] for each in call["MetricData"]} == {
        "SourceEventsPerSecond": "Count/Second",
        "SourceReconnects": "Count",
    }
    assert all(each["Dimensions"] == [{"Name": "Source", "Value": "bluesky"}] for each in call["MetricData"])
    assert cloudwatch.values("SourceReconnects") == [3]
    assert cloudwatch.values("SourceEventsPerSecond")[0] > 0


def test_each_value_counts_only_what_happened_since_the_last_one() -> None:
    troubles, cloudwatch = Troubles(), Recording()
    counts = counts_of(troubles)
    troubles.add("reconnects", 3)
    metrics = Metrics(cloudwatch, "Moodstream", "bluesky", counts, print, every=0.01)
    try:
        wait_until(lambda: len(cloudwatch.calls) > 1, "two calls")
        troubles.add("reconnects", 2)
    finally:
        metrics.close()
    assert sum(cloudwatch.values("SourceReconnects")) == 5
    assert cloudwatch.values("SourceEventsPerSecond")[-1] == 0.0


def test_the_lag_is_the_age_of_the_newest_event() -> None:
    cloudwatch, counts = Recording(), counts_of(Troubles())
    counts._newest_us = int((time.time() - 90) * 1e6)
    Metrics(cloudwatch, "Moodstream", "bluesky", counts, print, every=NEVER).close()
    [lag] = cloudwatch.values("SourceLagSeconds")
    assert 90 <= lag < 120


def test_an_outage_of_cloudwatch_is_said_once_and_ends_nothing() -> None:
    cloudwatch, said = Unreachable(failures=3), list[str]()
    metrics = Metrics(cloudwatch, "Moodstream", "bluesky", counts_of(Troubles()), said.append, every=0.01)
    try:
        wait_until(lambda: cloudwatch.calls > 4, "calls after the outage")
    finally:
        metrics.close()
    assert len(said) == 1
    assert said[0].startswith("metrics are not sent to CloudWatch: ")


@contextmanager
def recording_server() -> Iterator[tuple[str, list[bytes]]]:
    """An endpoint that accepts every request, and the bodies that it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_command_sends_its_last_values_before_it_ends(tmp_path: Path) -> None:
    reviews = tmp_path / "reviews.csv"
    reviews.write_text("text,author\nfine,ann\nbad,bob\n")
    with recording_server() as (url, bodies):
        environ = {"AWS_ENDPOINT_URL_CLOUDWATCH": url, "AWS_REGION": "eu-west-1"}
        argv = ["connect", "file", str(reviews), "--out", str(tmp_path / "out"), "--metrics-namespace", "Moodstream"]
        assert moodstream.run(argv, environ) == 0
    assert b"SourceEventsPerSecond" in b"".join(bodies)


class Bucket:
    """An S3 whose caller may list only a prefix: it calls a missing object AccessDenied."""

    def __init__(self, *keys: str, may_list: bool = True) -> None:
        self.keys, self.may_list = keys, may_list

    def get_object(self, **_: str) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetObject")

    def list_objects_v2(self, Prefix: str, **_: Any) -> dict[str, Any]:
        if not self.may_list:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListObjectsV2")
        found = sorted(key for key in self.keys if key.startswith(Prefix))
        return {"Contents": [{"Key": key} for key in found[:1]]} if found else {}


def test_a_cursor_that_is_not_there_yet_is_told_from_one_that_may_not_be_read() -> None:
    assert S3Object(Bucket("cursors/a.json.old"), "lake", "cursors/a.json").read() is None
    for refusing in (Bucket("cursors/a.json"), Bucket(may_list=False)):
        with pytest.raises(CursorError, match=r"cannot read --cursor 's3://lake/cursors/a.json'"):
            S3Object(refusing, "lake", "cursors/a.json").read()
