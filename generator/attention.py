"""What people's attention falls on.

Attention is self-exciting: a reaction picks its post by picking a recent *activity* (a post or an
earlier reaction to one), so a post is found in proportion to what it lately drew. That is Simon's
copying process inside a window: constant cost, bounded memory, heavy-tailed cascades. (A heap of
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
    """The last posts that were added, a post as often as it was."""

    def __init__(self, size: int) -> None:
        self._size, self._next = size, 0
        self._posts: list[Post] = []

    def __len__(self) -> int:
        return len(self._posts)

    def add(self, post: Post) -> None:
        """Add one, forgetting the oldest when full."""
        if len(self._posts) < self._size:
            self._posts.append(post)
        else:
            self._posts[self._next] = post
        self._next = (self._next + 1) % self._size

    def pick(self, draw: float) -> Post:
        """Turn a uniform draw into a post: the density falls with the square root of the lag."""
        posts = self._posts
        return posts[(self._next - 1 - int(len(posts) * draw * draw)) % len(posts)]
