"""Recent posts, from which users choose what they react to.

Reactions attract reactions: a reaction picks its post by picking a recent *activity* (a post or an
earlier reaction to one), so a post is chosen in proportion to its recent reactions. This is Simon's
copying process inside a window: constant cost, bounded memory, heavy-tailed cascades. The platform
decides how a post's appeal falls with its age. A heap of scheduled reactions was rejected, because it
grows with the rate times the longest delay.
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


class RecentPosts:
    """A ring buffer of recent posts, limited by number and by age; it holds a post once for each time it was added."""

    def __init__(self, size: int) -> None:
        self._size, self._next, self._count = size, 0, 0
        self._slots: list[tuple[Post, float]] = []

    def __len__(self) -> int:
        return self._count

    def add(self, post: Post, at: float) -> None:
        """Add a post at an epoch second; replaces the oldest one if the buffer is full."""
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
