"""Streams by seed, until one makes a difference: it is then made as small as it can be and still does."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from harness.chaos.hostile import compare
from harness.chaos.hostile.layers import Layers
from harness.chaos.hostile.reading import agree
from harness.chaos.hostile.records import Arrived, streams
from harness.chaos.hostile.warehouses import Server
from streaming.settings import Settings

BATCHES = 2

Check = Callable[[Sequence[Arrived]], None]


class Differs(Exception):
    """Layers do not agree about a stream."""


@dataclass(frozen=True)
class Found:
    """A stream that makes a difference, as small as it was made, and what went wrong with it."""

    seed: int
    stream: Sequence[Arrived]
    error: Exception


class Examination:
    """Brings streams through all layers, each in a lake and in databases of its own below `scratch`."""

    def __init__(self, server: Server, empty_lake: Path, scratch: Path) -> None:
        """`empty_lake`: a lake that has every table and no row."""
        self._server = server
        self._empty_lake = empty_lake
        self._scratch = scratch
        self.streams = self.records = 0

    def __call__(self, stream: Sequence[Arrived]) -> None:
        """Raise Disagrees or Differs, or whatever a layer raises: no stream may stop one."""
        for record in stream:
            agree(record.data, record.arrival)
        self.streams += 1
        self.records += len(stream)
        folder = Path(tempfile.mkdtemp(prefix="stream-", dir=self._scratch))
        try:
            self._examine(stream, folder)
        finally:
            shutil.rmtree(folder)

    def _examine(self, stream: Sequence[Arrived], folder: Path) -> None:
        lake = Path(shutil.copytree(self._empty_lake, folder / "lake"))
        job = Settings(lake=str(lake), checkpoints=str(folder / "checkpoints"), stream="events")
        with self._server.pair(lake) as pair:
            layers = Layers(job, (pair.postgres, pair.redshift))
            middle = (len(stream) + 1) // BATCHES
            for batch, part in enumerate(filter(None, (stream[:middle], stream[middle:]))):
                layers.take(part, batch)
            if found := compare.differences(lake, folder, pair):
                raise Differs(compare.readable(found))


def search(check: Check, seed: int, examples: int) -> Found | None:
    """Check the streams of a seed; returns the smallest that fails. The same seed makes the same streams."""
    last: Sequence[Arrived] = ()

    @seeded(seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(streams())
    def every(stream: list[Arrived]) -> None:
        nonlocal last
        last = stream
        check(stream)

    try:
        every()
    except Exception as error:
        return Found(seed, last, error)
    return None
