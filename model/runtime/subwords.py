"""Values of words by their parts, so that words that no labelled text holds have one too.

The rows come from a fastText model (see `model/training/nade.py`): one for each of its words, one for each of its
character n-grams that was kept, by their hash. A word's value is the sum of its rows; a text's is the mean over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SHORTEST, LONGEST = 3, 6  # characters of an n-gram
BUCKETS = 10_000_000
_PRIME, _OFFSET = np.uint32(16777619), np.uint32(2166136261)  # FNV-1a
_PAD = 32
# The longest part of a word that is looked at: more is no word.
MAX_WORD = 40


class Subwords:
    """Finds the rows of words. `words`: those with a row of their own, rows 0 to w-1.

    `hashes`: the sorted hashes (0 to BUCKETS-1) of the n-grams that were kept, (b,); theirs are the rows w to w+b-1.
    """

    def __init__(self, words: Sequence[str], hashes: npt.NDArray[np.int32]) -> None:
        self._words = {word: row for row, word in enumerate(words)}
        self._hashes = hashes

    @property
    def rows(self) -> int:
        """How many rows a table of values needs."""
        return len(self._words) + len(self._hashes)

    def sums(self, texts: Sequence[str], table: Array) -> tuple[Array, npt.NDArray[np.int64]]:
        """(n, d) the sums of the rows of `table` (rows, d) of the words in each text, and (n,) how many rows those are.

        A text is words with blanks between them, in lower case.
        """
        pairs = [(place, word[:MAX_WORD]) for place, text in enumerate(texts) for word in text.split()]
        sums, counts = np.zeros((len(texts), table.shape[1]), table.dtype), np.zeros(len(texts), np.int64)
        if not pairs or not self.rows:
            return sums, counts
        places, words = zip(*pairs, strict=True)
        owner = np.array(places)
        whole = np.array([self._words.get(word, -1) for word in words])
        known = np.flatnonzero(whole >= 0)
        parts, rows = self._ngrams(words)
        owners = np.append(owner[known], owner[parts])
        found = np.append(whole[known], rows)
        values = table[found]
        for column in range(table.shape[1]):
            sums[:, column] = np.bincount(owners, values[:, column], minlength=len(texts))
        counts += np.bincount(owners, minlength=len(texts))
        return sums, counts

    def _ngrams(self, words: Sequence[str]) -> tuple[Array, Array]:
        """Of all n-grams that were kept: the word's place and the row. All words are hashed at once, byte by byte."""
        encoded = [f"<{word}>".encode("utf-8", "replace") for word in words]
        lengths = np.array([len(each) for each in encoded])
        buffer = np.frombuffer(b"".join(encoded) + b"\0" * _PAD, np.uint8)
        ends = np.cumsum(lengths)
        begins = np.append((buffer[: ends[-1]] & 0xC0) != 0x80, np.ones(_PAD, bool))
        start = np.flatnonzero(begins[: ends[-1]])
        owner = np.searchsorted(ends, start, side="right")
        end = ends[owner]
        # fastText takes bytes as signed: those above 127 fill the upper bits.
        values = np.where(buffer < 128, buffer, buffer | np.uint32(0xFFFFFF00)).astype(np.uint32)
        hashed = np.full(len(start), _OFFSET, np.uint32)
        characters = np.zeros(len(start), np.int64)
        owners, found = [], []
        longest = LONGEST if begins[: ends[-1]].all() else 4 * LONGEST
        for offset in range(longest):
            inside = start + offset < end
            at = np.minimum(start + offset, ends[-1])
            hashed = np.where(inside, (hashed ^ values[at]) * _PRIME, hashed)
            complete = inside & begins[at + 1]
            characters += complete
            wanted = np.flatnonzero(complete & (characters >= SHORTEST) & (characters <= LONGEST))
            bucket = (hashed[wanted] % np.uint32(BUCKETS)).astype(np.int32)
            place = np.minimum(np.searchsorted(self._hashes, bucket), len(self._hashes) - 1)
            kept = self._hashes[place] == bucket
            owners.append(owner[wanted[kept]])
            found.append(place[kept] + len(self._words))
        return np.concatenate(owners), np.concatenate(found)
