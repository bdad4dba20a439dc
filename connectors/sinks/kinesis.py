"""Puts events into a Kinesis stream, one event a record.

Guarantee: `put` returns when every record was acknowledged, having put again exactly those that failed. A record is
put twice only if an attempt broke off without an answer, and then the report says so; the job drops the copy by its
event id.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from connectors.errors import PutFailed, StreamUnreachable, StreamUnusable
from connectors.event import Event
from connectors.sinks import Placed, PutReport

BATCH_RECORDS = 500
BATCH_BYTES = 5 * 1024 * 1024
FIRST_BACKOFF = 0.05  # seconds; doubles up to:
LAST_BACKOFF = 5.0
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


class KinesisSink:
    """One stream. `give_up` is asked before each retry: True ends the put with PutFailed."""

    def __init__(
        self,
        client: Any,
        stream: str,
        *,
        give_up: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._stream = client, stream
        self._give_up, self._sleep = give_up, sleep

    def check(self) -> None:
        """Raise StreamUnusable if the stream cannot be used, before anything is read from a source."""
        try:
            self._client.list_shards(StreamName=self._stream, MaxResults=1)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                raise StreamUnusable(f"there is no Kinesis stream '{self._stream}'") from error
            raise StreamUnusable(f"cannot use stream '{self._stream}': {_line(error)}") from error
        except BotoCoreError as error:
            raise StreamUnreachable(f"cannot reach Kinesis: {_line(error)}") from error

    def put(self, events: Sequence[Event], report: PutReport) -> list[Placed]:
        """Put any number of events; returns where each went, in their order."""
        placed: list[Placed] = []
        for wanted in _calls(events):
            left, backoff = wanted, FIRST_BACKOFF
            while left:
                done, left = self._attempt(events, left, report)
                placed += done
                if not left:
                    break
                if self._give_up():
                    raise PutFailed(f"{len(left)} events could not be put into '{self._stream}'")
                self._sleep(backoff * random.uniform(0.5, 1.0))
                backoff = FIRST_BACKOFF if done else min(LAST_BACKOFF, backoff * 2)
        return sorted(placed)

    def remembered(self) -> Sequence[str]:
        """None: the job recognises what a former run put."""
        return ()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _attempt(self, events: Sequence[Event], wanted: list[int], report: PutReport) -> tuple[list[Placed], list[int]]:
        """Make one call; returns what was placed and what is left to put."""
        try:
            answer = self._client.put_records(
                StreamName=self._stream,
                Records=[{"Data": events[i].data, "PartitionKey": events[i].key} for i in wanted],
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in REFUSED or code == "ResourceNotFoundException":
                raise StreamUnusable(f"stream '{self._stream}' refuses: {_line(error)}") from error
            report.failed(len(wanted), len(wanted) if "Throughput" in code or "Limit" in code else 0)
            return [], wanted
        except HTTPClientError:
            report.failed(len(wanted), 0)
            report.unknown(wanted)
            return [], wanted
        except BotoCoreError as error:
            raise StreamUnreachable(f"cannot reach Kinesis: {_line(error)}") from error
        return _sort_out(answer["Records"], wanted, report)


def _sort_out(results: list[dict[str, Any]], wanted: list[int], report: PutReport) -> tuple[list[Placed], list[int]]:
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


def _calls(events: Sequence[Event]) -> Iterator[list[int]]:
    """Places of the events that one call takes: at most 500 records and 5 MB."""
    call: list[int] = []
    size = 0
    for place, event in enumerate(events):
        weight = len(event.data) + len(event.key.encode())
        if call and (len(call) == BATCH_RECORDS or size + weight > BATCH_BYTES):
            yield call
            call, size = [], 0
        call.append(place)
        size += weight
    if call:
        yield call


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
