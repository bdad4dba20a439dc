"""Shards that split and merge, before the job's eyes and behind its back: every record arrives, and once.

With the awslabs connector too where MOODSTREAM_AWSLABS_JAR names its jar.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests import kinesalite
from tests.patience import wait_until
from tests.resharding import Ingest, Stream, account, connectors


def catch_up(stream: Stream, ingest: Ingest) -> None:
    """Wait until bronze has as many rows as have been put by now."""
    put = stream.sent
    wait_until(lambda: ingest.count() >= put, lambda: f"{ingest.count()} of {put} records in bronze", 60.0)


@pytest.mark.kinesis
@pytest.mark.parametrize("connector", connectors())
def test_nothing_is_lost_or_doubled_while_shards_split_and_merge(connector: str, tmp_path: Path) -> None:
    with kinesalite.running() as endpoint:
        stream = Stream(endpoint, shards=1)
        # The harder position: what is newer than the checkpoint must be read from its beginning all the same.
        ingest = Ingest(tmp_path / "job", endpoint, connector, ("--starting-position", "LATEST"))
        ingest.start()
        try:
            wait_until(lambda: ingest.status().get("batch") is not None, "the first batch of ingest")
            with stream.load(1000):
                catch_up(stream, ingest)
                # While it runs: none of the shards that it knows is left.
                stream.split_all()
                catch_up(stream, ingest)
                stream.split(0)
                catch_up(stream, ingest)
                ingest.kill()
                # While it is down: shards that begin and end without it.
                stream.split(0)
                stream.split(0)
                time.sleep(1)
                stream.merge(1)
                stream.split(2)
                time.sleep(1)
                # Both at once: while it starts and while it catches up.
                ingest.start()
                stream.merge(0)
                wait_until(lambda: ingest.status().get("batch") is not None, "the first batch of ingest")
                stream.split(1)
                stream.merge(2)
            ingest.wait_for(stream.sent)
            ingest.stop()
        finally:
            ingest.kill()

    found = account(stream, ingest)
    assert found == {"sent": stream.sent, "lost": 0, "doubled": 0, "invented": 0}
    assert stream.sent > 5_000
