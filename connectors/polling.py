"""Asks a source again and again, and remembers what was seen of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import orjson

from connectors.session import Batch
from connectors.web import Malformed

if TYPE_CHECKING:
    from connectors.session import Session

Poll = Callable[[], Iterator[Batch]]


def polled(session: Session, seconds: float, poll: Poll) -> Iterator[Batch]:
    """Yield what each poll brings, then an empty batch, every so many seconds; a malformed answer is skipped."""
    while not session.stop.is_set():
        try:
            yield from poll()
        except Malformed as error:
            session.tell(f"skipped a malformed answer: {error}")
            yield Batch([], skipped={"malformed": 1})
        else:
            yield Batch([])
        session.wait(seconds)


def digest(*parts: object) -> str:
    """A short hash that tells one state of an item from another."""
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:16]


class Seen:
    """Item -> the hash of its last state, for the last `limit` items in the order of their last change.

    Kept in the cursor, so that a restart knows what it has delivered.
    """

    def __init__(self, limit: int, items: dict[str, str] | None = None) -> None:
        self._limit = limit
        self.items: dict[str, str] = dict(items or {})

    def __contains__(self, item: str) -> bool:
        return item in self.items

    def get(self, item: str) -> str | None:
        """The last state's hash."""
        return self.items.get(item)

    def put(self, item: str, state: str) -> bool:
        """Remember a state; returns False if it is the one that is remembered."""
        if self.items.get(item) == state:
            return False
        self.items.pop(item, None)
        self.items[item] = state
        while len(self.items) > self._limit:
            del self.items[next(iter(self.items))]
        return True

    def forget(self, item: str) -> None:
        """Forget an item."""
        self.items.pop(item, None)
