"""Runs ministack, the emulated AWS, on a loopback port: `python -m deploy.local.emulator PORT`.

Nothing else imports this: ministack reads its environment when it is imported.
"""

from __future__ import annotations

import asyncio
import bisect
import sys
import time
from collections.abc import Callable
from typing import Any

RETENTION_S = 3600.0  # memory: about 1 KB a record
TRIM_EVERY_S = 60.0


def serve_until_stopped(port: int, around: Callable[[Any], Any] = lambda app: app) -> None:
    """Serve on the loopback port until SIGTERM. `around` may put an ASGI application of its own before the emulator."""
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.services import kinesis

    # ministack's own functions walk over all records of a shard at each put and each read: after 400,000 records a put
    # of 500 took 140 ms instead of 20.
    kinesis._expire_records = lambda stream: _trim(stream, kinesis._shard_iterators)
    kinesis._start_position = _position
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(serve(around(app), config))


def _position(records: list[dict[str, Any]], kind: str, sequence: str, at: Any) -> int | None:
    """The index in a shard's records, which are in ascending order, at which an iterator of this kind starts."""
    if kind == "TRIM_HORIZON":
        return 0
    if kind == "LATEST":
        return len(records)
    if kind == "AT_SEQUENCE_NUMBER":
        return bisect.bisect_left(records, sequence.zfill(30), key=_sequence)
    if kind == "AFTER_SEQUENCE_NUMBER":
        return bisect.bisect_right(records, sequence.zfill(30), key=_sequence)
    if kind == "AT_TIMESTAMP":
        return bisect.bisect_left(records, float(at), key=_arrival)
    return None


def _trim(stream: dict[str, Any], iterators: Any) -> None:
    """Once a minute, remove records older than the retention; iterators are indexes, so they are moved as well."""
    now = time.time()
    if now - stream.get("trimmed_at", 0.0) < TRIM_EVERY_S:
        return
    stream["trimmed_at"] = now
    for shard_id, shard in stream["shards"].items():
        old = bisect.bisect_left(shard["records"], now - RETENTION_S, key=_arrival)
        del shard["records"][:old]
        for iterator in iterators.values() if old else ():
            if iterator["stream_arn"] == stream["StreamARN"] and iterator["shard_id"] == shard_id:
                iterator["position"] = max(0, iterator["position"] - old)


def _sequence(record: dict[str, Any]) -> str:
    number: str = record["SequenceNumber"]
    return number.zfill(30)


def _arrival(record: dict[str, Any]) -> float:
    arrival: float = record["ApproximateArrivalTimestamp"]
    return arrival


if __name__ == "__main__":
    serve_until_stopped(int(sys.argv[1]))
