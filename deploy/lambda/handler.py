"""The generator as a Lambda function: sends the events of the scheduled minute into Kinesis.

Environment: STREAM_NAME (required), EVENTS_PER_MINUTE (600), SPREAD (false: at once), SEED (1),
USERS (500), DIRT_PER_MILLE (30). Invoked by EventBridge each minute; or directly with
``{"records": [...]}``: events or records of the seed system, which are sent unchanged.

Guarantee: at least once. The events of a minute follow from the seed and the minute, so a retried
invocation sends the same event ids, which the job drops as duplicates. After a failure Lambda retries,
and then puts the invocation into the dead-letter queue. Measured: 10,000 events a minute used 50 MB of
memory and, into two shards, nine seconds.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from generator.delivery.kinesis import KinesisStream, connect
from generator.delivery.sender import Sender
from generator.delivery.status import Counts
from generator.errors import PutFailed, UsageError
from generator.events.reference_validator import as_record
from generator.events.seed_system import translate
from generator.scheduled import Schedule, from_environ, minute_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from generator.events.records import Record

MARGIN = 5.0  # seconds at the end of an invocation that are kept for the last puts
BATCH = 500


@cache
def _client() -> Any:
    """One Kinesis client for all invocations in this container."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_KINESIS") or os.environ.get("AWS_ENDPOINT_URL")
    return connect(endpoint, os.environ.get("AWS_REGION"), anonymous=False)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Send a minute's events, or the records given; returns the counts, raises on any failure."""
    schedule = from_environ(os.environ)
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN
    counts = Counts(str(event.get("time", "direct")), None)
    stream = KinesisStream(_client(), schedule.stream, keep_limits=True, give_up=lambda: time.monotonic() > deadline)
    delivery = Sender(stream, None, counts)
    for batch in _batches(event, schedule, deadline):
        delivery.send(batch)
    status = counts.status("done")
    sys.stdout.write(json.dumps({"message": "sent", **status}) + "\n")
    if counts.unsendable:
        raise PutFailed(f"{counts.unsendable} of {counts.sent} records are too large for Kinesis")
    return status


def _batches(event: dict[str, Any], schedule: Schedule, deadline: float) -> Iterator[list[Record]]:
    if "records" in event:
        lines = (line for record in event["records"] for line in translate(json.dumps(record).encode()))
        records = [as_record(line, time.time()) for line in lines]
        yield from (records[i : i + BATCH] for i in range(0, len(records), BATCH))
    elif "time" in event:
        yield from _minute(schedule, minute_of(event["time"], spread=schedule.spread), deadline)
    else:
        raise UsageError("the event has neither 'time' (a schedule) nor 'records'")


def _minute(schedule: Schedule, minute: float, deadline: float) -> Iterator[list[Record]]:
    """Yield the minute's records: each when it is due or, without `spread`, at once in full batches."""
    batch: list[Record] = []
    for offset, record in schedule.records(minute):
        ahead = minute + offset - time.time() if schedule.spread else 0.0
        if len(batch) == BATCH or (batch and ahead > 0.5):
            yield batch
            batch = []
        if ahead > 0.5 and time.monotonic() + ahead < deadline:
            time.sleep(ahead)
        batch.append(record)
    if batch:
        yield batch
