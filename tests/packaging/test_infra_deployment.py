"""The stacks and the release, deployed by the real command to an emulated AWS; then the schedule does its work.

The emulator knows no EMR Serverless, Redshift Serverless, MWAA or MLflow App, so data, stream and ops are deployed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from deploy.infra.deploy import main
from deploy.local import ports
from moodstream import exit_code_of
from tests.patience import patience, wait_until

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
EMULATOR = {
    "MINISTACK_ACCOUNT_ID": "000000000000",
    "MINISTACK_REGION": "us-east-1",
    "SFTP_ENABLED": "0",
    "IOT_MTLS_ENABLED": "0",
    "LOG_LEVEL": "WARNING",
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = ports.free()
    scratch = str(tmp_path_factory.mktemp("emulator"))
    # The Lambda is told where the emulator is by its port.
    own = {"GATEWAY_PORT": str(port), "EDGE_PORT": str(port), "S3_DATA_DIR": scratch, "STATE_DIR": scratch}
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.emulator", str(port)],
        cwd=ROOT,
        env={**os.environ, **CREDENTIALS, **EMULATOR, **own},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_healthy(url)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=patience(20))


def _wait_until_healthy(url: str) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2):
                return True
        except OSError:
            return False

    wait_until(answers, "the emulator answers")


@pytest.fixture(scope="module")
def outputs(endpoint: str, template_folder: Path, release: Path) -> dict[str, str]:
    return _deploy(endpoint, template_folder, release)


def _deploy(endpoint: str, templates: Path, release: Path, *parameters: str) -> dict[str, str]:
    given = ["--stacks", "data,stream,ops", "--templates", str(templates), "--dist", str(release)]
    chosen = [part for parameter in parameters for part in ("--parameter", parameter)]
    done = subprocess.run(
        [sys.executable, "-m", "deploy.infra.deploy", *given, *chosen, "--endpoint", endpoint],
        cwd=ROOT,
        env={**os.environ, **CREDENTIALS},
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(120),
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, str] = json.loads(done.stdout)
    return result


def client(service: str, endpoint: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def records(stream: str, endpoint: str) -> list[dict[str, Any]]:
    kinesis = client("kinesis", endpoint)
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += kinesis.get_records(ShardIterator=iterator)["Records"]
    return found


def event_type(data: bytes) -> str | None:
    """None for the records that the generator breaks on purpose, some of which still begin with a brace."""
    try:
        return str(json.loads(data)["event_type"])
    except (ValueError, KeyError, TypeError):
        return None


def test_the_release_lies_in_the_artefact_bucket(outputs: dict[str, str], endpoint: str, release: Path) -> None:
    listed = client("s3", endpoint).list_objects_v2(Bucket=outputs["ArtefactBucketName"])["Contents"]
    keys = {entry["Key"] for entry in listed}
    name = (release / "RELEASE").read_text().strip()
    assert f"releases/{name}/generator-lambda.zip" in keys
    assert "airflow/dags/moodstream-dags.zip" in keys


def test_every_alarm_of_the_template_exists(outputs: dict[str, str], endpoint: str) -> None:
    alarms = client("cloudwatch", endpoint).describe_alarms(AlarmNamePrefix="moodstream-")["MetricAlarms"]
    assert "moodstream-hop-failed-ingest" in {alarm["AlarmName"] for alarm in alarms}
    assert len(alarms) > 20


def test_the_schedule_invokes_the_packaged_lambda_which_feeds_the_stream(
    outputs: dict[str, str], endpoint: str
) -> None:
    """Waits for EventBridge's own `rate(1 minute)`, so it takes a good minute."""
    found = wait_until(lambda: records(outputs["StreamName"], endpoint), "records of the schedule", 75, pause=2.0)
    assert {"post", "comment"} <= {event_type(record["Data"]) for record in found}
    assert len({record["PartitionKey"] for record in found}) > 10


def test_deploying_again_changes_nothing(
    outputs: dict[str, str], endpoint: str, template_folder: Path, release: Path
) -> None:
    assert _deploy(endpoint, template_folder, release) == outputs


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--stacks", "everything"], "deploy: --stacks: unknown stack 'everything'"),
        (["--parameter", "AlertEmail"], "deploy: --parameter: received 'AlertEmail', expected NAME=VALUE"),
        (["--dist", "/nowhere"], "RELEASE is missing: run `make package` first"),
    ],
)
def test_wrong_use_ends_with_2_and_one_line(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str], template_folder: Path
) -> None:
    templates = ["--templates", str(template_folder), "--stacks", "stream", "--endpoint", "http://127.0.0.1:9"]
    assert exit_code_of("deploy", main, [*templates, *argv], CREDENTIALS) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
