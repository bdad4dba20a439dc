"""The generator as a process against an emulated Kinesis: what it says it sent is what the stream holds."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from generator import ledger as witness
from tests.patience import patience, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "events"
ROOT = Path(__file__).parents[2]


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = a_free_port()
    home = tmp_path_factory.mktemp("aws")
    asked = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "SERVICES": "kinesis,lambda,iam,logs,sts"}
    environ = {**os.environ, **asked, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-c", "from ministack.app import main; main()"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=home, env=environ, stdout=log, stderr=log)
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(patience(10))


@pytest.fixture
def kinesis(endpoint: str) -> Iterator[Any]:
    client: Any = boto3.client(
        "kinesis", "us-east-1", endpoint_url=endpoint, aws_access_key_id="a", aws_secret_access_key="b"
    )
    client.create_stream(StreamName=STREAM, ShardCount=2)
    yield client
    client.delete_stream(StreamName=STREAM)
    client.close()


def the_stream(kinesis: Any) -> dict[str, bytes]:
    """Every record of the stream by its sequence number."""
    found: dict[str, bytes] = {}
    for shard in kinesis.list_shards(StreamName=STREAM)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while True:
            answer = kinesis.get_records(ShardIterator=iterator, Limit=10_000)
            if not answer["Records"]:
                break
            found |= {r["SequenceNumber"]: r["Data"] for r in answer["Records"]}
            iterator = answer["NextShardIterator"]
    return found


def a_generator(endpoint: str, ledger: Path, *argv: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "generator", "--out", f"kinesis:{STREAM}", "--ledger", str(ledger),
               "--endpoint-url", endpoint, "--users", "200", *map(str, argv)]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_the_ledger_tells_the_truth(ledger: Path, stream: dict[str, bytes]) -> None:
    """Every acknowledged record is in the stream with its bytes, and nothing else is."""
    placed = {e.ack.sequence_number: e.sha256 for e in witness.entries(ledger) if e.ack is not None}
    held = {number: hashlib.sha256(data).hexdigest() for number, data in stream.items()}
    assert placed == held


def test_told_to_stop_it_finishes_what_it_began(endpoint: str, kinesis: Any, tmp_path: Path) -> None:
    status_file = tmp_path / "status.json"
    process = a_generator(endpoint, tmp_path / "l", "--rate", 400, "--dirt", 0.3, "--status-file", status_file)
    wait_until(
        lambda: status_file.exists() and json.loads(status_file.read_text())["acked"] > 300, "the generator goes on"
    )
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=patience(30))
    assert (process.returncode, errors) == (0, "")
    status = json.loads(status_file.read_text())
    assert status["state"] == "done"
    assert status["sent"] == status["acked"]
    assert list(witness.unacked(tmp_path / "l")) == []
    assert_the_ledger_tells_the_truth(tmp_path / "l", the_stream(kinesis))


def test_killed_it_leaves_intents_for_all_that_the_stream_holds(endpoint: str, kinesis: Any, tmp_path: Path) -> None:
    process = a_generator(endpoint, tmp_path / "l", "--rate", "max")
    wait_until(lambda: sum(p.stat().st_size for p in tmp_path.glob("l/2*.jsonl")) > 300_000, "the generator goes on")
    process.kill()
    process.communicate(timeout=patience(30))
    intended = Counter(e.sha256 for e in witness.entries(tmp_path / "l"))
    held = Counter(hashlib.sha256(data).hexdigest() for data in the_stream(kinesis).values())
    assert held
    assert not held - intended

    again = a_generator(endpoint, tmp_path / "l", "--rate", "max", "--events", 500, "--dirt", 0)
    again.communicate(timeout=patience(60))
    ids = Counter(x.event_id for e in witness.entries(tmp_path / "l") for x in e.expected if not x.duplicate)
    del ids[None]
    assert max(ids.values()) == 1  # a second run in the same place shares no event id with the first


def test_a_file_is_sent_as_it_stands_and_what_cannot_be_sent_is_said(
    endpoint: str, kinesis: Any, tmp_path: Path
) -> None:
    lines = [b'{"half', b"", b"\xff\r", b"x" * 1_100_000, "שלום".encode()]
    (tmp_path / "in").write_bytes(b"\n".join(lines))
    process = a_generator(endpoint, tmp_path / "l", "--input", tmp_path / "in")
    output, _ = process.communicate(timeout=patience(60))
    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1])["unsendable"] == 1
    assert sorted(the_stream(kinesis).values()) == sorted(line for line in lines if len(line) < 1_000_000)
    (refused,) = [e for e in witness.entries(tmp_path / "l") if e.unsendable]
    assert "the stream takes 1048576" in str(refused.unsendable)


def test_what_a_stand_in_forgot_is_put_again(endpoint: str, kinesis: Any, tmp_path: Path) -> None:
    a_generator(endpoint, tmp_path / "l", "--events", 300).communicate(timeout=patience(60))
    lost = sorted(the_stream(kinesis))
    kinesis.delete_stream(StreamName=STREAM)
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    (tmp_path / "missing").write_text("\n".join(lost))
    process = a_generator(endpoint, tmp_path / "l", "--resend", tmp_path / "missing")
    _, errors = process.communicate(timeout=patience(60))
    assert (process.returncode, errors) == (0, "")
    stream = the_stream(kinesis)
    assert len(stream) == 300
    assert_the_ledger_tells_the_truth(tmp_path / "l", stream)


def test_a_stream_that_goes_away_is_waited_for(endpoint: str, kinesis: Any, tmp_path: Path) -> None:
    status_file = tmp_path / "status.json"
    process = a_generator(endpoint, tmp_path / "l", "--rate", 200, "--events", 600, "--status-file", status_file)
    wait_until(lambda: status_file.exists(), "the generator goes on")
    before = the_stream(kinesis)
    kinesis.delete_stream(StreamName=STREAM)
    time.sleep(1.5)
    kinesis.create_stream(StreamName=STREAM, ShardCount=2)
    process.communicate(timeout=patience(60))
    assert process.returncode == 0
    assert json.loads(status_file.read_text())["acked"] == 600
    acked = [e for e in witness.entries(tmp_path / "l") if e.ack is not None]
    assert len(acked) == 600
    assert {e.ack.sequence_number for e in acked if e.ack} >= set(before) | set(the_stream(kinesis))


def test_the_function_runs_from_a_zip_in_an_emulated_lambda(endpoint: str, kinesis: Any) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    functions: Any = boto3.client("lambda", "us-east-1", endpoint_url=endpoint, **keys)
    functions.create_function(
        FunctionName="generator",
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/generator",
        Handler="handler.handler",
        Code={"ZipFile": a_zip()},
        Timeout=60,
        Environment={"Variables": {"STREAM_NAME": STREAM, "EVENTS_PER_MINUTE": "200"}},
    )
    scheduled = (ROOT / "tests" / "events" / "scheduled.json").read_bytes()
    for _ in range(2):  # EventBridge delivers at least once
        answer = functions.invoke(FunctionName="generator", Payload=scheduled)
        assert answer.get("FunctionError") is None
        assert json.loads(answer["Payload"].read())["acked"] == 200
    data = Counter(the_stream(kinesis).values())
    assert all(count % 2 == 0 for count in data.values())
    assert data.total() == 400
    failed = functions.invoke(FunctionName="generator", Payload=b"{}")
    assert failed["FunctionError"]
    assert b"neither 'time'" in failed["Payload"].read()
    functions.close()


def a_zip() -> bytes:
    """The function as it is deployed: the handler beside the package."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(ROOT / "deploy" / "lambda" / "handler.py", "handler.py")
        for path in (ROOT / "generator").rglob("*"):
            if path.suffix in (".py", ".toml"):
                archive.write(path, path.relative_to(ROOT))
    return packed.getvalue()
