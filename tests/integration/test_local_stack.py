"""The embedded stack starts, is found again by the next demo, and comes back with what it kept."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from deploy.local import (
    aws,
    postgres,
    processes,
    stack,
    workdir,
)
from deploy.local.jars import ROOT
from deploy.local.workdir import Workdir

ENVIRON = dict(os.environ)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workdir]:
    made = workdir.prepared(str(tmp_path_factory.mktemp("stack")))
    yield made
    stack.stop_all(made)


def put_one(started: stack.Stack, data: bytes) -> str:
    kinesis = aws.client("kinesis", started.aws.endpoint)
    put = kinesis.put_record(StreamName=aws.STREAM, Data=data, PartitionKey="u1")
    return str(put["SequenceNumber"])


def read_after(started: stack.Stack, sequence: str) -> list[bytes]:
    kinesis = aws.client("kinesis", started.aws.endpoint)
    found: list[bytes] = []
    for shard in kinesis.list_shards(StreamName=aws.STREAM)["Shards"]:
        place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
        iterator = kinesis.get_shard_iterator(StreamName=aws.STREAM, ShardId=shard["ShardId"], **place)
        found += [r["Data"] for r in kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]]
    return found


def test_the_next_demo_adopts_what_the_last_one_left_running(place: Workdir) -> None:
    first = stack.start(place, ENVIRON, shards=2)
    second = stack.start(place, ENVIRON, shards=2)

    assert first.aws.new_stream
    assert not second.aws.new_stream
    assert second.aws.process == first.aws.process
    assert second.postgres.process == first.postgres.process


def test_the_warehouse_wants_its_password_which_only_its_owner_can_read(place: Workdir) -> None:
    started = stack.start(place, ENVIRON, shards=2)

    with psycopg.connect(started.postgres.url, password=started.postgres.password) as connection:
        assert connection.execute("select current_user").fetchone() == ("moodstream",)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(started.postgres.url, password="wrong")
    assert stat.S_IMODE((place.postgres / "password").stat().st_mode) == 0o600
    assert started.postgres.password not in repr(started)


def test_an_alert_that_is_published_arrives_in_the_queue(place: Workdir) -> None:
    started = stack.start(place, ENVIRON, shards=2)

    aws.client("sns", started.aws.endpoint).publish(TopicArn=started.aws.topic_arn, Message="the mood has turned")

    sqs = aws.client("sqs", started.aws.endpoint)
    messages = sqs.receive_message(QueueUrl=started.aws.queue_url, WaitTimeSeconds=5)["Messages"]
    assert "the mood has turned" in messages[0]["Body"]


def test_children_see_the_stack_and_nothing_of_this_machines_own_aws(place: Workdir) -> None:
    started = stack.start(place, ENVIRON, shards=2)

    inside = started.environ({"PATH": "/bin", "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "secret"})

    assert "AWS_PROFILE" not in inside
    assert "AWS_SESSION_TOKEN" not in inside
    assert inside["AWS_ENDPOINT_URL"] == started.aws.endpoint
    assert inside["CBOR_ENABLED"] == "false"


def test_a_lost_emulator_gives_a_new_stream_that_old_positions_read_on_in(place: Workdir) -> None:
    before = stack.start(place, ENVIRON, shards=2)
    position = put_one(before, b"read before the loss")
    processes.kill(before.aws.process)

    after = stack.start(place, ENVIRON, shards=2)
    put_one(after, b"put after it")

    assert after.aws.new_stream
    assert read_after(after, position) == [b"put after it"]


def test_a_killed_warehouse_comes_back_with_its_rows(place: Workdir) -> None:
    before = stack.start(place, ENVIRON, shards=2)
    with psycopg.connect(before.postgres.url, password=before.postgres.password) as connection:
        connection.execute("create table kept (n int)")
        connection.execute("insert into kept values (42)")
    processes.kill(before.postgres.process)

    after = stack.start(place, ENVIRON, shards=2)

    assert after.postgres.process != before.postgres.process
    with psycopg.connect(after.postgres.url, password=after.postgres.password) as connection:
        assert connection.execute("select n from kept").fetchone() == (42,)


def test_a_warehouse_killed_after_its_demo_comes_back_though_nobody_reaps_it(place: Workdir) -> None:
    postgres.stop(place)
    # Its starter ends first, so the killed server stays a zombie where process 1 is no init.
    start = "postgres.start(workdir.prepared(sys.argv[1]), os.environ)"
    code = f"import os, sys; from deploy.local import postgres, workdir; {start}"
    subprocess.run([sys.executable, "-c", code, str(place.root)], check=True, cwd=ROOT)
    processes.kill(processes.recorded(postgres.NAME, place.run))

    assert postgres.start(place, ENVIRON).process.alive


def test_stopping_leaves_nothing_running(place: Workdir) -> None:
    started = stack.start(place, ENVIRON, shards=2)

    assert set(stack.stop_all(place)) == {aws.NAME, postgres.NAME}

    assert processes.members(started.aws.process) == []
    assert processes.members(started.postgres.process) == []
    assert stack.stop_all(place) == []
