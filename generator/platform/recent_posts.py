"""What people's attention falls on.

Attention is self-exciting: a reaction picks its post by picking a recent *activity* (a post or an
earlier reaction to one), so a post is found in proportion to what it lately drew. That is Simon's
copying process inside a window: constant cost, bounded memory, heavy-tailed cascades. How a post
fades with its age is up to the platform. (A heap of
scheduled reactions was rejected: it grows with the rate times the longest delay.)
"""

from __future__ import annotations

from typing import NamedTuple


class Post(NamedTuple):
    """What the platform remembers of a recent post."""

    post_id: str
    author: int
    topic: int
    mood: str
    at: float
    episode: str | None
    words: str  # what its text draws on: the topic's or the episode's


class Ring:
    """The posts that were added last, a post as often as it was, forgotten by number and by age."""

    def __init__(self, size: int) -> None:
        self._size, self._next, self._count = size, 0, 0
        self._slots: list[tuple[Post, float]] = []

    def __len__(self) -> int:
        return self._count

    def add(self, post: Post, at: float) -> None:
        """Add one at an epoch second; the oldest gives way when all slots are taken."""
        if len(self._slots) < self._size:
            self._slots.append((post, at))
        else:
            self._slots[self._next] = (post, at)
        self._next = (self._next + 1) % self._size
        self._count = min(self._size, self._count + 1)

    def forget(self, before: float) -> None:
        """Forget what was added before an epoch second."""
        slots, total = self._slots, len(self._slots)
        while self._count and slots[(self._next - self._count) % total][1] < before:
            self._count -= 1

    def pick(self, draw: float) -> Post:
        """Turn a uniform draw into a post: the density falls with the square root of the lag."""
        return self._slots[(self._next - 1 - int(self._count * draw * draw)) % len(self._slots)][0]
