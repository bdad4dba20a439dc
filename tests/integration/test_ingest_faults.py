"""What the ingest hop lives through without a kill: one job, one fault after the other, and nothing lost or doubled."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local import workdir
from harness.chaos import clock
from harness.chaos.faults import GET_RECORDS, files_cannot_grow
from harness.chaos.proxy import Proxy, Trouble
from tests import kinesalite
from tests.patience import wait_until
from tests.resharding import Ingest, Stream, account

LASTS_S = 2.5


@contextmanager
def trouble(proxy: Proxy, what: Trouble) -> Iterator[None]:
    """The stream answers so for as long as the block lasts, and did so at least once."""
    before = proxy.broken
    proxy.trouble = what
    yield
    proxy.trouble = None
    assert proxy.broken > before


@contextmanager
def disk_full(ingest: Ingest) -> Iterator[None]:
    assert ingest.process is not None
    family = psutil.Process(ingest.process.pid).children(recursive=True)
    with files_cannot_grow([child for child in family if child.name() == "java"]):
        yield


@contextmanager
def clock_set_back(place: workdir.Workdir) -> Iterator[None]:
    """By two days, and it stays so."""
    clock.set_back(place, clock.TWO_DAYS_S)
    yield


def ingest_catches_up(job: Ingest, sent: int, after: str) -> None:
    """Wait until it has all that was sent so far, and says of itself that it runs."""
    wait_until(
        lambda: job.count() >= sent and job.status().get("state") == "running",
        lambda: f"{after}: {job.count()} of {sent} records in bronze, {job.status()}",
        40.0,
    )


@pytest.mark.kinesis
def test_ingest_goes_on_after_every_fault_with_nothing_lost_or_doubled(tmp_path: Path) -> None:
    place = workdir.prepared(str(tmp_path))
    with kinesalite.running() as endpoint, Proxy(endpoint) as proxy:
        stream = Stream(endpoint, shards=2)
        job = Ingest(tmp_path / "job", f"http://127.0.0.1:{proxy.port}", "qubole", environ=clock.environ(place))
        job.start()
        try:
            stream.put(100)
            job.wait_for(100)
            faults = {
                "throttled": trouble(proxy, Trouble(GET_RECORDS, "ProvisionedThroughputExceededException", share=0.5)),
                "iterators expired": trouble(proxy, Trouble(GET_RECORDS, "ExpiredIteratorException", share=0.5)),
                "failing": trouble(proxy, Trouble(GET_RECORDS, "InternalFailure", status=500)),
                "disk full": disk_full(job),
                "clock set back": clock_set_back(place),
            }
            with stream.load(500):
                for name, fault in faults.items():
                    with fault:
                        time.sleep(LASTS_S)
                    ingest_catches_up(job, stream.sent, name)
            job.wait_for(stream.sent)
        finally:
            job.kill()
            clock.tidy()

    assert account(stream, job) == {"sent": stream.sent, "lost": 0, "doubled": 0, "invented": 0}
