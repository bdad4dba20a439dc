"""Labelled texts on an emulated S3, as `model train --feedback` and `model evaluate --data` read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from deploy.local import aws
from model import labelled_files
from model.errors import DataError
from model.settings import storage_options

BUCKET = "labelled-test"


@pytest.fixture(scope="module")
def storage(emulated_aws: aws.Aws, s3: Any) -> Mapping[str, str]:
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="evaluation/some.csv", Body="text,label\nwhat a día,positive\n".encode())
    return storage_options({"AWS_ENDPOINT_URL": emulated_aws.endpoint, "AWS_REGION": aws.REGION})


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def test_a_csv_and_a_delta_table_are_read_from_s3(storage: Mapping[str, str]) -> None:
    assert labelled_files.read(f"s3a://{BUCKET}/evaluation/some.csv", storage) == [("what a día", "positive")]
    table = f"s3://{BUCKET}/silver/labels"
    rows = pa.table({"event_id": ["1"], "text": ["never again"], "label": ["negative"]})
    write_deltalake(table, rows, storage_options={**storage, "aws_conditional_put": "etag"})
    assert labelled_files.read(table, storage) == [("never again", "negative")]


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (f"s3://{BUCKET}/none.csv", "cannot read s3://labelled-test/none.csv"),
        (f"s3://{BUCKET}/silver/none", "is no Delta table with the columns text and label"),
        ("hdfs://name/labels.csv", "expected a local path, or a URL that begins with s3://"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(storage: Mapping[str, str], path: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        labelled_files.read(path, storage)
