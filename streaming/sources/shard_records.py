"""Reads the sequence numbers of one shard from Kinesis itself, without Spark: for repairs, not for the stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from streaming.checkpoints.shards import Position, Record
from streaming.errors import SinkUnavailable
from streaming.settings import Settings

# A shard answers five requests a second, to all its readers together.
PAUSE_S = 0.25


def pages(settings: Settings, stream: str, shard: str, begin: Position) -> Iterator[list[Record]]:
    """The records of the shard from `begin` on, up to those that are there now, at most 10,000 at once.

    A position whose records the stream no longer keeps begins with the oldest that it does keep. Raises
    SinkUnavailable if Kinesis cannot be reached, or has no such stream or shard.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from _pages(_client(settings), stream, shard, begin)
    except (BotoCoreError, ClientError) as error:
        where = settings.kinesis_endpoint or f"Kinesis in {settings.region}"
        raise SinkUnavailable(
            f"{shard} of the stream '{stream}' cannot be read from {where}: {error}; name the stream's place with "
            "--kinesis-endpoint or --region, and look at the credentials"
        ) from error


def _pages(client: Any, stream: str, shard: str, begin: Position) -> Iterator[list[Record]]:
    # LATEST would mean now, and not when the job first started.
    numbered = begin.kind.endswith("SEQUENCE_NUMBER")
    how = {"ShardIteratorType": begin.kind, "StartingSequenceNumber": begin.at} if numbered else {}
    asked = {"ShardIteratorType": "TRIM_HORIZON", **how}
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, **asked)["ShardIterator"]
    while iterator:
        answer = client.get_records(ShardIterator=iterator, Limit=10_000)
        records = [Record(each["SequenceNumber"], each["ApproximateArrivalTimestamp"]) for each in answer["Records"]]
        if records:
            yield records
        elif not answer.get("MillisBehindLatest"):
            return
        iterator = answer.get("NextShardIterator")
        time.sleep(PAUSE_S)


def _client(settings: Settings) -> Any:
    import boto3
    from botocore.config import Config

    make: Any = boto3.client  # its overloads know services by literal names
    endpoint = settings.kinesis_endpoint
    known = boto3.Session().get_credentials() is not None
    # An emulator accepts any credentials, but boto3 sends nothing without.
    invented = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    emulated = bool(endpoint and endpoint.startswith("http://")) and not known
    patience = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})
    credentials = invented if emulated else {}
    return make("kinesis", region_name=settings.region, endpoint_url=endpoint, config=patience, **credentials)
