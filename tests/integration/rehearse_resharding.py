"""Some hundred thousand records across forty reshardings, and a stream that is idle for minutes and wakes.

Takes ten minutes on two cores, too much for every run of the tests: `make rehearse` runs it. With the awslabs connector
too where MOODSTREAM_AWSLABS_JAR names its jar.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests import kinesalite
from tests.patience import wait_until
from tests.resharding import Ingest, Stream, account, connectors

pytestmark = pytest.mark.timeout(7200)

ROUNDS = 10
BACKLOG = 15_000
IDLE_S = 240


def reshard(stream: Stream, chance: random.Random) -> None:
    """Split or merge somewhere, towards four shards."""
    open_shards = len(stream.open_shards())
    if open_shards > 1 and chance.random() < open_shards / 8:
        stream.merge(chance.randrange(open_shards - 1))
    else:
        stream.split(chance.randrange(open_shards))


@pytest.mark.parametrize("connector", connectors())
def test_hundreds_of_thousands_cross_reshardings_of_every_kind(connector: str, tmp_path: Path) -> None:
    chance = random.Random(11)
    with kinesalite.running() as endpoint:
        stream = Stream(endpoint, shards=2)
        ingest = Ingest(tmp_path / "job", endpoint, connector)
        try:
            for _ in range(ROUNDS):
                ingest.start()
                with stream.load(1500):
                    reshard(stream, chance)  # while it starts
                    wait_until(lambda: ingest.status().get("batch") is not None, "the first batch of ingest")
                    time.sleep(chance.uniform(0, 3))
                    reshard(stream, chance)  # while it runs
                    time.sleep(chance.uniform(0, 3))
                    stream.put(BACKLOG)
                    reshard(stream, chance)  # with much unread
                    time.sleep(chance.uniform(0, 3))
                    ingest.kill()
                    reshard(stream, chance)  # while it is down
                    time.sleep(1)
            ingest.start()
            ingest.wait_for(stream.sent)
            ingest.stop()
        finally:
            ingest.kill()

    found = account(stream, ingest)
    assert found == {"sent": stream.sent, "lost": 0, "doubled": 0, "invented": 0}
    assert stream.sent > 200_000


@pytest.mark.parametrize("connector", connectors())
def test_a_stream_that_was_idle_for_minutes_wakes(connector: str, tmp_path: Path) -> None:
    with kinesalite.running() as endpoint:
        stream = Stream(endpoint, shards=2)
        ingest = Ingest(tmp_path / "job", endpoint, connector)
        ingest.start()
        try:
            stream.put(1000)
            ingest.wait_for(1000)
            time.sleep(IDLE_S)
            stream.split_all()  # in the quiet, so that old shards end without a further record
            time.sleep(IDLE_S / 4)
            began = time.monotonic()
            stream.put(1000)
            ingest.wait_for(2000)
            woken_s = time.monotonic() - began
            ingest.stop()
        finally:
            ingest.kill()

    found = account(stream, ingest)
    assert found == {"sent": 2000, "lost": 0, "doubled": 0, "invented": 0}
    assert woken_s < 15
