"""Alerts, metrics and gold on S3 against an emulated AWS, and what happens where there is none."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from deploy.local import aws
from streaming.alerts.cloudwatch import CloudWatch
from streaming.alerts.measured import Metric
from streaming.alerts.sns import Message, Topic
from streaming.delta.merge import KeyedMerge
from streaming.delta.tables import (
    location,
    open_table,
    read,
    storage_options,
)
from streaming.errors import SinkUnavailable
from streaming.hops import watch
from streaming.loop import Running
from streaming.settings import Settings
from streaming.tables import gold_engagement_by_minute
from tests.builders import NOON
from tests.patience import wait_until

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def settings(emulated_aws: aws.Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    return Settings(
        lake=str(tmp_path / "lake"),
        checkpoints=str(tmp_path / "checkpoints"),
        stream="events",
        aws_endpoint=emulated_aws.endpoint,
        alerts_topic=emulated_aws.topic_arn,
        status_file=str(tmp_path / "status.json"),
        watch_interval=0.1,
    )


def received(emulated_aws: aws.Aws) -> list[dict[str, Any]]:
    sqs = aws.client("sqs", emulated_aws.endpoint)
    messages = sqs.receive_message(QueueUrl=emulated_aws.queue_url, WaitTimeSeconds=1).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def watched_twice(running: Running) -> None:
    wait_until(lambda: (running.lastProgress or {}).get("batchId", -1) >= 1, "two batches")
    running.stop()
    assert running.exception() is None


def test_a_failed_hop_reaches_whoever_subscribed(
    spark: SparkSession, settings: Settings, emulated_aws: aws.Aws, tmp_path: Path
) -> None:
    hops = {"load": {"state": "failed", "restarts": 0, "error": "no such table"}}
    (tmp_path / "status.json").write_text(json.dumps({"hops": hops}))
    for _ in range(2):
        watched_twice(watch.start(spark, settings))
    (message,) = wait_until(lambda: received(emulated_aws), "a message of the topic")
    assert message["Subject"] == "Moodstream: hop_failed load"
    assert "no such table" in message["Message"]
    assert received(emulated_aws) == [], "the second start alerted again"


def test_a_program_that_subscribed_gets_the_json_form(settings: Settings, emulated_aws: aws.Aws) -> None:
    message = Message("a long text", "a short text", json.dumps({"event": "alert", "rule": "incident"}))
    Topic(settings, emulated_aws.topic_arn).publish("Moodstream: incident", message)
    (found,) = wait_until(lambda: received(emulated_aws), "a message of the topic")
    assert json.loads(found["Message"]) == {"event": "alert", "rule": "incident"}


def test_without_sns_only_the_watching_fails(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match="SNS topic"):
        Topic(Settings("", "", "events", aws_endpoint=NOWHERE), "arn:aws:sns:us-east-1:1:t").publish(
            "subject", Message("text")
        )


def test_metrics_are_readable_in_their_namespace(settings: Settings, emulated_aws: aws.Aws) -> None:
    metrics = CloudWatch(settings, "Moodstream/Test", every=0.05)
    metrics.put(Metric("BatchSeconds", "refine", 1.5, "Seconds"), Metric("BatchSeconds", "refine", 2.5, "Seconds"))
    metrics.close()
    now = datetime.now(UTC)
    found = aws.client("cloudwatch", emulated_aws.endpoint).get_metric_statistics(
        Namespace="Moodstream/Test",
        MetricName="BatchSeconds",
        Dimensions=[{"Name": "Hop", "Value": "refine"}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=5),
        Period=3600,
        Statistics=["Maximum", "SampleCount"],
    )["Datapoints"]
    assert [(point["Maximum"], point["SampleCount"]) for point in found] == [(2.5, 2.0)]


def test_metrics_that_cannot_be_sent_hold_nobody_up(settings: Settings) -> None:
    nowhere = CloudWatch(Settings("", "", "events", aws_endpoint=NOWHERE), "Moodstream/Test", every=0.01)
    began = time.monotonic()
    for _ in range(20_000):
        nowhere.put(Metric("InputRows", "refine", 1.0))
    assert time.monotonic() - began < 5
    nowhere.close()


def test_gold_on_s3_is_merged_exactly_once(settings: Settings) -> None:
    on_s3 = Settings("s3a://moodstream-lake/gold-test", "", "events", aws_endpoint=settings.aws_endpoint)
    table = gold_engagement_by_minute.TABLE
    row = {"minute": NOON, "action": "like", "interactions": 2}
    rows = table.rows({name: pa.chunked_array([[value]]) for name, value in row.items()})
    for batch in (1, 1, 2):
        sink = KeyedMerge(table, location(on_s3.table(table.name)), storage_options(on_s3), "query")
        sink.apply(rows, batch)
    (found,) = read(open_table(on_s3, table.name)).to_pylist()
    assert found["interactions"] == 4
