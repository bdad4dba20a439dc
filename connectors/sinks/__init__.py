"""Where events go. One technology a module; each says when an event counts as delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from connectors.event import Event


class Placed(NamedTuple):
    """Where an event of a batch went; `put_time` in epoch seconds, taken when the answer came."""

    place: int  # in the batch
    shard_id: str
    sequence_number: str
    put_time: float


class PutReport(Protocol):
    """Told what happens during a put."""

    def failed(self, count: int, throttled: int) -> None:
        """`count` events failed and will be put again, `throttled` of them for a shard's limit."""

    def unknown(self, places: Sequence[int]) -> None:
        """An attempt to put these events of the batch broke off: they may be in the stream."""


class Sink(Protocol):
    """Takes batches of events."""

    def put(self, events: Sequence[Event], report: PutReport) -> list[Placed]:
        """Return when all events are where they belong, or raise a ConnectorError."""

    def remembered(self) -> Sequence[str]:
        """Event ids that a former run left here at the end, so that they are not written again."""

    def close(self) -> None:
        """Release what is held."""
