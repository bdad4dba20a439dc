"""The emulated AWS: Kinesis, S3, SNS, SQS and CloudWatch in one process, with the demo's stream, topic and buckets.

The stream is kept in memory, so each start of the emulator makes a new one. Records that were acknowledged but had not
reached bronze are put again from the generator's ledger. Sequence numbers begin with the time, so that a checkpoint of
the old stream continues in the new one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deploy.local import services
from deploy.local.processes import Process
from deploy.local.services import Service, answers_http

if TYPE_CHECKING:
    from deploy.local.workdir import Workdir

NAME = "aws"
EMULATOR = "deploy.local.emulator"
REGION = "us-east-1"
ACCOUNT = "000000000000"
STREAM = "moodstream-events"
TOPIC = "moodstream-alerts"
QUEUE = "moodstream-alerts"
BUCKETS = ("moodstream-lake", "moodstream-staging")
CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # the emulator accepts any
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Turn off CBOR, the SDKs' binary format, which emulators do not understand: SDK v1 (qubole) and v2 (awslabs).
    "AWS_CBOR_DISABLE": "true",
    "CBOR_ENABLED": "false",
}


@dataclass(frozen=True)
class Aws:
    """The running emulator; `new_stream`: this start made the stream, which is therefore empty."""

    process: Process
    topic_arn: str
    queue_url: str
    new_stream: bool

    @property
    def endpoint(self) -> str:
        """The value of `AWS_ENDPOINT_URL`."""
        return f"http://127.0.0.1:{self.process.port}"


def start(workdir: Workdir, environ: Mapping[str, str], shards: int, module: str = EMULATOR) -> Aws:
    """Start or adopt the emulator; makes stream, topic, queue and buckets if they are missing. Raises ServiceError.

    `shards` applies to the first stream of a working directory. Checkpoints name shards, so later streams have as many.
    `module` is run as `python -m MODULE PORT`.
    """
    process = services.ensure(_service(workdir, environ, module), workdir)
    topic, queue = _alerts(process.port)
    _buckets(process.port)
    kept = workdir.aws / "shards"
    if not kept.exists():
        kept.write_text(str(shards))
    return Aws(process, topic, queue, _stream(process.port, int(kept.read_text() or shards)))


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the emulator, which ignores the AWS configuration of this machine."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client  # its overloads know services by literal names
    return make(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 3}, connect_timeout=5, read_timeout=30, proxies={}),
    )


def _service(workdir: Workdir, environ: Mapping[str, str], module: str) -> Service:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", module, str(port)]

    settings = {
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(workdir.aws / "s3"),
        "STATE_DIR": str(workdir.aws / "state"),
        # Listeners that nobody needs here; the second one would listen on all interfaces.
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    return Service(NAME, command, answers_http("/_ministack/health"), {**environ, **CREDENTIALS, **settings})


def _stream(port: int, shards: int) -> bool:
    kinesis = client("kinesis", f"http://127.0.0.1:{port}")
    try:
        kinesis.create_stream(StreamName=STREAM, ShardCount=shards)
    except kinesis.exceptions.ResourceInUseException:
        return False
    while kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["StreamStatus"] != "ACTIVE":
        time.sleep(0.05)
    return True


def _alerts(port: int) -> tuple[str, str]:
    """Make the topic for alerts, and a queue that receives them for people to read; returns ARN and URL."""
    endpoint = f"http://127.0.0.1:{port}"
    sns, sqs = client("sns", endpoint), client("sqs", endpoint)
    topic: str = sns.create_topic(Name=TOPIC)["TopicArn"]
    queue: str = sqs.create_queue(QueueName=QUEUE)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return topic, queue


def _buckets(port: int) -> None:
    s3 = client("s3", f"http://127.0.0.1:{port}")
    present = {bucket["Name"] for bucket in s3.list_buckets().get("Buckets", [])}
    for bucket in BUCKETS:
        if bucket not in present:
            s3.create_bucket(Bucket=bucket)
