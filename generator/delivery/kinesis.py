"""Puts records into a Kinesis stream.

Guarantee: `put` returns when every record was acknowledged, having put again exactly those that
failed. A record is put twice only if an attempt broke off without an answer, and then it reports the record as unknown.
"""

from __future__ import annotations

import hashlib
import random
import time
from bisect import bisect_left
from threading import Lock
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from generator.delivery.sinks import Placed
from generator.errors import PutFailed, StreamUnreachable, StreamUnusable
from generator.events.records import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from generator.delivery.sinks import PutReport
    from generator.events.records import Record

BATCH_RECORDS = 500
BATCH_BYTES = 5 * 1024 * 1024
SHARD_RECORDS = 1_000  # a second
SHARD_BYTES = 1024 * 1024  # a second
FIRST_BACKOFF = 0.05  # seconds; doubles up to:
LAST_BACKOFF = 5.0
RESHARD_CHECK = 60.0  # seconds between looks at the shards
REFUSED = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "ValidationException",
}


def size_of(record: Record) -> int:
    """Bytes that count towards Kinesis' limits: the data and the partition key."""
    return len(record.data) + len(record.key.encode())


def batches(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Split into slices that one call takes: at most 500 records and 5 MB each."""
    slices, first, size = [], 0, 0
    for index, record in enumerate(records):
        weight = size_of(record)
        if index - first == BATCH_RECORDS or (index > first and size + weight > BATCH_BYTES):
            slices.append((first, index))
            first, size = index, 0
        size += weight
    if first < len(records):
        slices.append((first, len(records)))
    return slices


def connect(endpoint_url: str | None, region: str | None, anonymous: bool, connections: int = 8) -> Any:
    """Open a Kinesis client that does not retry, because `put` does.

    `anonymous`: send made-up credentials, as an emulator needs no real ones.
    """
    secret = "local" if anonymous else None
    try:
        return boto3.session.Session(secret, secret).client(
            "kinesis",
            endpoint_url=endpoint_url,
            region_name=region,
            config=Config(
                retries={"total_max_attempts": 1},
                connect_timeout=5,
                read_timeout=30,
                max_pool_connections=connections,
                parameter_validation=False,  # a third of a put's time; the limits are kept here
            ),
        )
    except (BotoCoreError, ValueError) as error:
        raise StreamUnusable(f"cannot open Kinesis: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


class ShardLimits:
    """Delays puts so that no shard gets more than its records and bytes a second.

    Tokens may go below zero: the batch that took them waits for them. A second's worth can be saved up.
    """

    def __init__(
        self,
        shards: Sequence[tuple[int, str]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`shards`: (last hash key, shard id), ascending, covering all hash keys."""
        self._ends = [end for end, _ in shards]
        self._clock, self._sleep = clock, sleep
        self._tokens = [[float(SHARD_RECORDS), float(SHARD_BYTES)] for _ in shards]
        self._at = clock()
        self._lock = Lock()

    def shard_of(self, key: str) -> int:
        """The place of the shard that a partition key belongs to."""
        digest = hashlib.md5(key.encode(), usedforsecurity=False).digest()
        return min(bisect_left(self._ends, int.from_bytes(digest)), len(self._ends) - 1)

    def wait_for(self, records: Sequence[Record]) -> None:
        """Return when these records may be put."""
        with self._lock:
            self._refill()
            wait = 0.0
            for record in records:
                tokens = self._tokens[self.shard_of(record.key)]
                tokens[0] -= 1
                tokens[1] -= size_of(record)
                wait = max(wait, -tokens[0] / SHARD_RECORDS, -tokens[1] / SHARD_BYTES)
        if wait > 0:
            self._sleep(wait)

    def _refill(self) -> None:
        now = self._clock()
        gone, self._at = now - self._at, now
        for tokens in self._tokens:
            tokens[0] = min(SHARD_RECORDS, tokens[0] + gone * SHARD_RECORDS)
            tokens[1] = min(SHARD_BYTES, tokens[1] + gone * SHARD_BYTES)


class KinesisStream:
    """One stream. Thread-safe.

    With `keep_limits` it holds each open shard to its limits and looks for resharding once a minute;
    emulators have none. `give_up` is called before each retry: True ends the put with PutFailed.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        keep_limits: bool,
        give_up: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._name = client, name
        self._give_up, self._sleep = give_up, sleep
        self._keep_limits = keep_limits
        self._limits = ShardLimits(self._shards(), sleep=sleep)
        self._largest = self._largest_record()
        self._looked = time.monotonic()

    def _shards(self) -> list[tuple[int, str]]:
        """The open shards; StreamUnusable when the stream cannot be used."""
        shards: list[dict[str, Any]] = []
        query: dict[str, Any] = {"StreamName": self._name}
        try:
            while query:
                page = self._client.list_shards(**query)
                shards += page["Shards"]
                token = page.get("NextToken")
                query = {"NextToken": token} if token else {}
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                raise StreamUnusable(f"there is no Kinesis stream '{self._name}'") from error
            raise StreamUnusable(f"cannot use stream '{self._name}': {_line(error)}") from error
        except BotoCoreError as error:
            raise StreamUnreachable(f"cannot reach Kinesis: {_line(error)}") from error
        now_open = [s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        return sorted((int(s["HashKeyRange"]["EndingHashKey"]), s["ShardId"]) for s in now_open)

    def _largest_record(self) -> int:
        """Bytes that the stream takes in one record: 1 MiB, or up to 10 MiB where its owner has set that."""
        try:
            summary = self._client.describe_stream_summary(StreamName=self._name)["StreamDescriptionSummary"]
        except (ClientError, BotoCoreError):  # not allowed to ask: what every stream takes
            return MAX_RECORD
        return int(summary.get("MaxRecordSizeInKiB") or MAX_RECORD // 1024) * 1024

    def refuses(self, record: Record) -> str | None:
        """Return why Kinesis can never take a record, or None if it can."""
        size = size_of(record)
        if size > self._largest:
            return f"{size} bytes with its partition key, the stream takes {self._largest}"
        return None

    def batches(self, records: Sequence[Record]) -> list[tuple[int, int]]:
        """Split into slices that one call takes."""
        return batches(records)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def put(self, records: Sequence[Record], report: PutReport) -> list[Placed]:
        """Put at most one call's worth of records and return where each went, in their order."""
        placed: list[Placed] = []
        left = list(range(len(records)))
        backoff = FIRST_BACKOFF
        while True:
            if self._keep_limits:
                self._limits_now().wait_for([records[i] for i in left])
            done, left = self._attempt(records, left, report)
            placed += done
            if not left:
                return sorted(placed)
            if self._give_up():
                raise PutFailed(f"{len(left)} records could not be put into '{self._name}'")
            self._sleep(backoff * random.uniform(0.5, 1.0))
            backoff = FIRST_BACKOFF if done else min(LAST_BACKOFF, backoff * 2)

    def _attempt(
        self, records: Sequence[Record], wanted: list[int], report: PutReport
    ) -> tuple[list[Placed], list[int]]:
        """Make one call; returns what was placed and what is left to put."""
        try:
            answer = self._client.put_records(
                StreamName=self._name,
                Records=[{"Data": records[i].data, "PartitionKey": records[i].key} for i in wanted],
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in REFUSED:
                raise StreamUnusable(f"stream '{self._name}' refuses: {_line(error)}") from error
            throttled = len(wanted) if "Throughput" in code or "Limit" in code else 0
            report.failed(len(wanted), throttled)
            return [], wanted
        except HTTPClientError:
            report.failed(len(wanted), 0)
            report.unknown(wanted)
            return [], wanted
        except BotoCoreError as error:
            raise StreamUnreachable(f"cannot reach Kinesis: {_line(error)}") from error
        return self._sort_out(answer["Records"], wanted, report)

    def _sort_out(
        self, results: list[dict[str, Any]], wanted: list[int], report: PutReport
    ) -> tuple[list[Placed], list[int]]:
        now = time.time()
        placed, left, throttled = [], [], 0
        for index, result in zip(wanted, results, strict=True):
            if code := result.get("ErrorCode"):
                left.append(index)
                throttled += code == "ProvisionedThroughputExceededException"
            else:
                placed.append(Placed(index, result["ShardId"], result["SequenceNumber"], now))
        if left:
            report.failed(len(left), throttled)
        return placed, left

    def _limits_now(self) -> ShardLimits:
        if time.monotonic() - self._looked > RESHARD_CHECK:
            self._looked = time.monotonic()
            self._limits = ShardLimits(self._shards(), sleep=self._sleep)
        return self._limits
