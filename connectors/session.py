"""What passes between a source and the run that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event as Flag
from threading import Lock
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from connectors.event import Event


class Batch(NamedTuple):
    """What a source read at once, possibly nothing.

    `cursor`: where to go on once these events are acknowledged, None if that did not change. `received`: items of the
    source. `skipped`: items that became no event, by reason; `corrected`: events that were mended, by what.
    """

    events: list[Event]
    cursor: Any = None
    received: int = 0
    skipped: Mapping[str, int] = MappingProxyType({})
    corrected: Mapping[str, int] = MappingProxyType({})


class Source(Protocol):
    """Something that can be read from a position."""

    name: str

    def batches(self, cursor: Any) -> Iterator[Batch]:
        """Yield what arrives after `cursor` (None: from now on, or from the beginning), until stopped or at an end.

        Called once, in a thread of its own; the run takes the next batch only when it has room, which is the
        back-pressure. Raises ConnectorError when going on is in vain.
        """


class Troubles:
    """Counts what a source went through. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """Count a reconnect, a refusal for the rate, a gap."""
        with self._lock:
            self._counts[what] += count

    def __getitem__(self, what: str) -> int:
        return self._counts[what]


@dataclass(frozen=True)
class Session:
    """What a source may use while it is read: the order to stop, counts, and a line for whoever watches."""

    tell: Callable[[str], None]
    stop: Flag = field(default_factory=Flag)
    troubles: Troubles = field(default_factory=Troubles)

    def wait(self, seconds: float) -> bool:
        """Wait; returns True if the order to stop came."""
        return self.stop.wait(seconds)
