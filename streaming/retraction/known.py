"""Hashes in memory: which items the index certainly has, or certainly lacks, without a look at the disk."""

from __future__ import annotations

from collections import deque

import numpy as np

from streaming.retraction.items import Hashes

SEGMENT = 1_000_000


class Known:
    """A set of hashes that forgets the oldest beyond `most`; 8 bytes each. Hashes are added oldest first.

    A lookup is a binary search in each segment of a million: microseconds for each hash, whatever the number of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._segments: deque[Hashes] = deque()
        self._open: list[Hashes] = []
        self.forgot = False

    def __len__(self) -> int:
        return sum(map(len, (*self._segments, *self._open)))

    def add(self, hashes: Hashes) -> None:
        """Remember these; the oldest segments go when there are too many."""
        if len(hashes):
            self._open.append(np.sort(hashes))
        if sum(map(len, self._open)) >= SEGMENT or len(self._open) > 64:
            self._open = [np.sort(np.concatenate(self._open))]
        if self._open and len(self._open[0]) >= SEGMENT:
            self._segments.append(self._open.pop(0))
        while len(self) > self._most and len(self._segments) > 1:
            self._segments.popleft()
            self.forgot = True

    def has(self, hashes: Hashes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """For each hash, whether it is remembered; False is certain only while nothing was forgotten."""
        found = np.zeros(len(hashes), dtype=bool)
        for segment in (*self._segments, *self._open):
            place = np.minimum(np.searchsorted(segment, hashes), len(segment) - 1)
            found |= segment[place] == hashes
        return found
