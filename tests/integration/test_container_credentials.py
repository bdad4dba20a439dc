"""Credentials as EMR Serverless gives them: from an HTTP endpoint of the container alone, and gone after a while."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from deploy.local import aws
from model import labelled_files
from model.settings import storage_options
from streaming.files import Files, s3_options
from streaming.settings import Settings
from tests.patience import wait_until
from tests.simulators.container_credentials import TOKEN

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "container-credentials-test"


@pytest.fixture
def endpoint(emulated_aws: aws.Aws, s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """S3's endpoint, in a process that has credentials from a container's endpoint and from nowhere else."""
    command = [sys.executable, "-m", "tests.simulators.container_credentials", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                monkeypatch.delenv(name)
            monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.aws
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{port}/role")
            monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
            s3.create_bucket(Bucket=BUCKET)
            yield emulated_aws.endpoint
        finally:
            server.kill()


def test_delta_rs_files_and_boto3_take_credentials_from_the_container_and_renew_them(endpoint: str) -> None:
    settings = Settings(lake=f"s3://{BUCKET}", checkpoints="", stream="", aws_endpoint=endpoint)
    options, files = s3_options(settings), Files(settings)
    table = f"s3://{BUCKET}/silver/labels"
    session = boto3.Session(region_name=aws.REGION)

    def access_key() -> str:
        credentials = session.get_credentials()
        assert credentials is not None
        return credentials.get_frozen_credentials().access_key

    first = access_key()
    for number in (1, 2):
        write_deltalake(
            table, pa.table({"text": ["so nice"], "label": ["positive"]}), storage_options=options, mode="append"
        )
        assert DeltaTable(table, storage_options=options).version() == number - 1
        files.write_json(f"s3a://{BUCKET}/run/{number}.json", number)
        assert files.read_json(f"s3a://{BUCKET}/run/{number}.json") == number
        pairs = labelled_files.read(table, storage_options({"AWS_ENDPOINT_URL": endpoint}))
        assert pairs == [("so nice", "positive")] * number
        keys = session.client("s3", endpoint_url=endpoint).list_objects_v2(Bucket=BUCKET, Prefix="run/")
        assert keys["KeyCount"] == number
        if number == 1:
            # The emulator accepts expired keys: boto3's renewal tells that the endpoint has given new ones.
            wait_until(lambda: access_key() != first, "the first credentials expire")
