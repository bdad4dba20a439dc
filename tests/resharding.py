"""A stream that is resharded under load, the ingest hop that reads it, and the account of what arrived."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from deploy.local import (
    aws,
    jars,
    processes,
    stack,
)
from deploy.local.processes import Process
from harness.demo.job import read_status
from streaming.delta.tables import read
from tests.patience import patience

STREAM = "resharded"
BATCH = 500
AWSLABS = "MOODSTREAM_AWSLABS_JAR"


def connectors() -> list[str]:
    """qubole, and the awslabs connector where its jar is given."""
    return ["qubole", *(["aws"] if os.environ.get(AWSLABS) else [])]


@dataclass
class Stream:
    """A stream of kinesalite, and the records put to it: each holds its own number."""

    endpoint: str
    shards: int
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.client = aws.client("kinesis", self.endpoint)
        self.client.create_stream(StreamName=STREAM, ShardCount=self.shards)
        self._settle()

    def put(self, count: int) -> None:
        """Put so many records, each to the shard that its key falls into at that moment; from any thread."""
        with self._lock:
            begin, self.sent = self.sent, self.sent + count
        for first in range(begin, begin + count, BATCH):
            numbers = range(first, min(first + BATCH, begin + count))
            records = [{"Data": b"%d" % number, "PartitionKey": str(number)} for number in numbers]
            while records:
                answers = self.client.put_records(StreamName=STREAM, Records=records)["Records"]
                records = [record for record, answer in zip(records, answers, strict=True) if "ErrorCode" in answer]

    @contextmanager
    def load(self, rate: int) -> Iterator[None]:
        """Put `rate` records a second, by another thread, for as long as the block lasts."""
        stopping, failures = threading.Event(), []

        def keep_putting() -> None:
            began, own = time.monotonic(), 0
            try:
                while not stopping.wait(0.05):
                    due = min(int((time.monotonic() - began) * rate) - own, 10 * BATCH)
                    self.put(due)
                    own += due
            except Exception as failure:
                failures.append(failure)

        thread = threading.Thread(target=keep_putting)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()
        assert not failures, failures

    def open_shards(self) -> list[dict[str, Any]]:
        """The shards that take records, in the order of their hash ranges."""
        shards = self.client.list_shards(StreamName=STREAM)["Shards"]
        are_open = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
        return sorted(are_open, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))

    def split(self, index: int) -> None:
        """Split the open shard at this place into two halves."""
        shard = self.open_shards()[index]
        low, high = (int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending"))
        self.client.split_shard(
            StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str((low + high) // 2)
        )
        self._settle()

    def split_all(self) -> None:
        """Split every open shard, as doubling a stream does: none of the old ones is left."""
        for index in reversed(range(len(self.open_shards()))):
            self.split(index)

    def merge(self, index: int) -> None:
        """Merge the open shard at this place with its neighbour."""
        one, other = self.open_shards()[index : index + 2]
        self.client.merge_shards(StreamName=STREAM, ShardToMerge=one["ShardId"], AdjacentShardToMerge=other["ShardId"])
        self._settle()

    def _settle(self) -> None:
        while self.client.describe_stream(StreamName=STREAM)["StreamDescription"]["StreamStatus"] != "ACTIVE":
            time.sleep(0.01)


@dataclass
class Ingest:
    """The job with its hop `ingest` alone, below `folder`."""

    folder: Path
    endpoint: str
    connector: str
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    process: Process | None = None

    def start(self) -> None:
        """Start it on its checkpoint."""
        self.folder.mkdir(exist_ok=True)
        self.status_file.unlink(missing_ok=True)
        self.process = processes.spawn(
            "ingest", self._command(), run=self.folder, log=self.folder / "ingest.log", environ=self._environ()
        )

    def kill(self) -> None:
        """`kill -9`, with its JVM."""
        processes.kill(self.process)

    def stop(self) -> None:
        """Between two batches."""
        assert self.process is not None
        assert processes.stop(self.process, patience=patience(60))

    @property
    def status_file(self) -> Path:
        """Where it tells how it does."""
        return self.folder / "status.json"

    def status(self) -> dict[str, Any]:
        """What it last told of its hop; empty before it has."""
        hop: dict[str, Any] = read_status(self.status_file).get("hops", {}).get("ingest", {})
        return hop

    def numbers(self) -> Counter[int]:
        """How often each record is in bronze."""
        rows = read(DeltaTable(str(self.folder / "lake/bronze/events")), ["data"])
        return Counter(map(int, rows["data"].to_pylist()))

    def count(self) -> int:
        """Rows of bronze, 0 before there is the table."""
        table = self.folder / "lake/bronze/events"
        return DeltaTable(str(table)).count() if (table / "_delta_log").is_dir() else 0

    def wait_for(self, rows: int, seconds: float = 20.0) -> None:
        """Return when bronze has so many rows, or when `seconds` have brought no further one."""
        last, end = -1, time.monotonic() + patience(seconds)
        while (now := self.count()) < rows and time.monotonic() < end:
            if now != last:
                last, end = now, time.monotonic() + patience(seconds)
            assert self.process is not None
            assert self.process.alive, processes.last_lines(self.folder / "ingest.log", 20)
            time.sleep(0.2)

    def _command(self) -> list[str]:
        extra = [os.environ[AWSLABS]] if self.connector == "aws" else []
        return [
            *(sys.executable, "-m", "streaming", "--hops", "ingest", "--stream", STREAM, "--region", aws.REGION),
            *("--lake", str(self.folder / "lake"), "--checkpoints", str(self.folder / "checkpoints")),
            *("--kinesis-connector", self.connector, "--kinesis-endpoint", self.endpoint, "--local-cores", "4"),
            *("--jars", ",".join([*map(str, jars.paths()), *extra]), "--status-file", str(self.status_file)),
            *self.options,
        ]

    def _environ(self) -> dict[str, str]:
        return {
            **stack.inherited(os.environ),
            **aws.CREDENTIALS,
            "JAVA_HOME": str(jars.java_home()),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            **self.environ,
        }


def account(stream: Stream, ingest: Ingest) -> dict[str, int]:
    """What was sent, and what bronze lacks, holds again or invents."""
    found = ingest.numbers()
    return {
        "sent": stream.sent,
        "lost": sum(1 for number in range(stream.sent) if number not in found),
        "doubled": sum(times - 1 for times in found.values()),
        "invented": sum(1 for number in found if not 0 <= number < stream.sent),
    }
