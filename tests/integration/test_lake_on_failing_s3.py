"""Commits to a lake on S3 that carries them out and answers 500: each micro-batch is in the table once."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pyarrow as pa
import pytest
from pyspark.sql import Row
from pyspark.sql.types import IntegerType, StringType, StructField, StructType, TimestampType

from deploy.local import aws
from harness.chaos.proxy import S3, Proxy, Trouble
from streaming.delta.append import FileAppend, create
from streaming.delta.data_files import DataFiles, Target
from streaming.delta.tables import (
    location,
    open_table,
    read,
    storage_options,
)
from streaming.settings import Settings
from streaming.tables.columns import PARTITIONS
from tests.patience import patience

COLUMNS = pa.schema([("id", pa.string()), ("at", pa.timestamp("us", tz="UTC"))])
PARTS = [StructField(name, IntegerType()) for name in PARTITIONS]
SCHEMA = StructType([StructField("id", StringType()), StructField("at", TimestampType()), *PARTS])
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCHES = 4


def serve(endpoint: str, pipe: Connection) -> None:
    """A proxy in trouble from the first word on, in a process of its own: delta-rs keeps the interpreter waiting."""
    with Proxy(endpoint) as proxy:
        pipe.send(proxy.port)
        pipe.recv()
        proxy.trouble = Trouble(S3, "InternalError", status=500, share=0.4, done=True)
        pipe.send(None)
        pipe.recv()
        pipe.send(proxy.broken)
        pipe.recv()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def micro_batch(settings: Settings, append: FileAppend, number: int) -> None:
    """What the ingest hop does with a batch."""
    if append.holds(number):
        return
    target = Target(location(settings.table("cats")), COLUMNS, "at")
    rows = pa.RecordBatch.from_pylist(
        [{"entity": "cats", "id": str(number), "at": NOON}], schema=pa.schema([("entity", pa.string()), *COLUMNS])
    )
    files = [row for part in DataFiles({"cats": target}, storage_options(settings))([rows]) for row in part.to_pylist()]
    append.commit([Row(**file) for file in files], number)


def stream(settings: Settings) -> None:
    """Batches one after the other; one that fails is done again by a new start."""
    append = None
    for number in range(BATCHES):
        deadline = time.monotonic() + patience(60)
        done = False
        while not done:
            try:
                append = append or FileAppend(settings, "cats", "q")
                micro_batch(settings, append, number)
                done = True
            except Exception:
                assert time.monotonic() < deadline
                append = None


def ids(settings: Settings) -> list[str]:
    return sorted(read(open_table(settings, "cats"))["id"].to_pylist())


def added(endpoint: str, settings: Settings) -> Counter[str]:
    """How often each data file is in the log: a second time no reader of the table sees, but those of its stream."""
    s3, prefix = aws.client("s3", endpoint), f"{settings.table('cats').rpartition(aws.BUCKETS[0] + '/')[2]}/_delta_log/"
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=aws.BUCKETS[0], Prefix=prefix)["Contents"]]
    entries = [s3.get_object(Bucket=aws.BUCKETS[0], Key=key)["Body"].read() for key in keys if key.endswith(".json")]
    actions = [json.loads(line) for entry in entries for line in entry.splitlines()]
    return Counter(action["add"]["path"] for action in actions if "add" in action)


def test_a_commit_whose_answer_is_lost_is_in_the_log_once(emulated_aws: aws.Aws, credentials: None) -> None:
    spawned = get_context("spawn")
    pipe, other = spawned.Pipe()
    proxy = spawned.Process(target=serve, args=(emulated_aws.endpoint, other), daemon=True)
    proxy.start()
    other.close()  # so that a proxy that dies ends the test instead of keeping it waiting
    try:
        lake = f"s3a://{aws.BUCKETS[0]}/{uuid.uuid4()}"
        settings = Settings(lake=lake, checkpoints="", stream="events", aws_endpoint=f"http://127.0.0.1:{pipe.recv()}")
        create(settings, "cats", SCHEMA, PARTITIONS)
        pipe.send(None)
        pipe.recv()
        stream(settings)
        assert ids(settings) == [str(number) for number in range(BATCHES)]
        assert list(added(emulated_aws.endpoint, settings).values()) == [1] * BATCHES
        pipe.send(None)
        assert pipe.recv() > 0
    finally:
        proxy.kill()
        proxy.join()
