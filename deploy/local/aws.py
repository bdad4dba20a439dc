"""The emulated AWS: Kinesis, S3, SNS, SQS and CloudWatch in one process, and what the demo needs in it.

The stream lives in the emulator's memory: it is new after each start of it. Records that were acknowledged but had not
reached bronze are put again from the generator's ledger. Sequence numbers begin with the time, so a checkpoint of the
stream before reads on in the new one.
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
REGION = "us-east-1"
ACCOUNT = "000000000000"
STREAM = "moodstream-events"
TOPIC = "moodstream-alerts"
QUEUE = "moodstream-alerts"
BUCKETS = ("moodstream-lake", "moodstream-staging")
CREDENTIALS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # the emulator takes any
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    # The SDKs' binary dialect of Kinesis, which emulators do not speak: v1 (qubole) and v2 (awslabs).
    "AWS_CBOR_DISABLE": "true",
    "CBOR_ENABLED": "false",
}


@dataclass(frozen=True)
class Aws:
    """The running emulator; `new_stream`: the stream had to be made, so it holds nothing yet."""

    process: Process
    topic_arn: str
    queue_url: str
    new_stream: bool

    @property
    def endpoint(self) -> str:
        """What `AWS_ENDPOINT_URL` is set to."""
        return f"http://127.0.0.1:{self.process.port}"


def start(workdir: Workdir, environ: Mapping[str, str], shards: int) -> Aws:
    """Start or adopt the emulator; makes stream, topic, queue and buckets where they are missing.

    `shards` counts for the first stream of a working directory: checkpoints name shards, so later ones have as many.
    """
    process = services.ensure(_service(workdir, environ), workdir)
    topic, queue = _alerts(process.port)
    _buckets(process.port)
    kept = workdir.aws / "shards"
    if not kept.exists():
        kept.write_text(str(shards))
    return Aws(process, topic, queue, _stream(process.port, int(kept.read_text() or shards)))


def client(service: str, endpoint: str) -> Any:
    """A boto3 client of the emulator that ignores whatever AWS set-up this machine has."""
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


def _service(workdir: Workdir, environ: Mapping[str, str]) -> Service:
    def command(port: int) -> list[str]:
        return [sys.executable, "-m", "deploy.local.emulator", str(port)]

    settings = {
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(workdir.aws / "s3"),
        "STATE_DIR": str(workdir.aws / "state"),
        # Listeners of its own that nobody here needs; the second one would bind every interface.
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
    """The topic for alerts, and a queue that receives them, so that a person can look at them."""
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
