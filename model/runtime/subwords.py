"""Values of words by their parts, so that words that no labelled text holds have one too.

The rows come from a fastText model (see `model/training/nade.py`): one for each of its words, one for each of its
character n-grams that was kept, by their hash. A word's value is the sum of its rows; a text's is the mean over them.

All new words of a batch are one buffer, hashed at once. Of a hundred n-grams two were kept, so the question asked most
is whether one was: a bit for each bucket answers it from the processor's cache, where a binary search would wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

SHORTEST, LONGEST = 3, 6  # characters of an n-gram
BUCKETS = 10_000_000
_PRIME, _OFFSET = np.uint32(16777619), np.uint32(2166136261)  # FNV-1a
_BUCKETS, _THREE, _SEVEN, _ONE = np.uint32(BUCKETS), np.uint32(3), np.uint8(7), np.uint8(1)
_PAD = 32
# The longest part of a word that is looked at: more is no word.
MAX_WORD = 40
# Bytes that are hashed at once: the arrays of so many stay in the processor's cache.
_BLOCK = 1 << 14
_BETWEEN = ">\n<"
_NEWLINE, _BLANK, _LAST_ASCII = ord("\n"), ord(" "), 127
_ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)


class Subwords:
    """Finds the rows of words. `words`: those with a row of their own, rows 0 to w-1.

    `hashes`: the sorted hashes (0 to BUCKETS-1) of the n-grams that were kept, (b,); theirs are the rows w to w+b-1.
    """

    def __init__(self, words: Sequence[str], hashes: npt.NDArray[np.int32]) -> None:
        self._words = {word: row for row, word in enumerate(words)}
        self._kept = len(hashes)
        # A bit for each bucket, and how many bits are set before each byte: together they give the row.
        kept = np.zeros(BUCKETS, bool)
        kept[hashes] = True
        self._bits = np.packbits(kept, bitorder="little")
        self._before = np.cumsum(_ONES[self._bits], dtype=np.int32) - _ONES[self._bits]

    @property
    def rows(self) -> int:
        """How many rows a table of values needs."""
        return len(self._words) + self._kept

    def sums(self, texts: Sequence[str], table: Array) -> tuple[Array, npt.NDArray[np.int64]]:
        """(n, d) the sums of the rows of `table` (rows, d) of the words in each text, and (n,) how many rows those are.

        A text is words with blanks between them, in lower case.
        """
        sums, counts = np.zeros((len(texts), table.shape[1]), table.dtype), np.zeros(len(texts), np.int64)
        if not len(texts) or not self.rows:
            return sums, counts
        owners, rows = self._found(texts)
        for column in range(table.shape[1]):
            sums[:, column] = np.bincount(owners, table[:, column][rows], minlength=len(texts))
        counts += np.bincount(owners, minlength=len(texts))
        return sums, counts

    def _found(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Of all words and n-grams that have a row: the text's place and the row."""
        buffer = np.frombuffer(f"<{_BETWEEN.join(texts)}>".encode("utf-8", "replace") + b"\n" * _PAD, np.uint8)
        # The line of each byte: its text; marks and the newline between two belong to the first of them.
        line = np.cumsum(buffer[:-_PAD] == _NEWLINE, dtype=np.int32)
        odd = np.bincount(line, minlength=len(texts)) > MAX_WORD + len(_BETWEEN)
        odd[line[(buffer[:-_PAD] == _BLANK) | (buffer[:-_PAD] > _LAST_ASCII)]] = True
        whole = np.fromiter(map(self._words.get, texts, repeat(-1)), np.int64, len(texts))
        alone = np.flatnonzero((whole >= 0) & ~odd)
        places, rows = self._ngrams(buffer, line, ~odd)
        owners: list[Array] = [alone, line[places]]
        found: list[Array] = [whole[alone], rows]
        if odd.any():
            of_odd = self._of_any_words(texts, np.flatnonzero(odd).tolist())
            owners.append(of_odd[0])
            found.append(of_odd[1])
        return np.concatenate(owners), np.concatenate(found)

    def _ngrams(self, buffer: Bytes, line: Array, wanted: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
        """The places and rows of the n-grams of all lines that are wanted: one word of ASCII each."""
        size = len(line)
        values = buffer.astype(np.uint32)
        hits: dict[int, list[tuple[Array, Array]]] = {length: [] for length in range(SHORTEST, LONGEST + 1)}
        for begin in range(0, size, _BLOCK):
            end = min(begin + _BLOCK, size)
            hashed = (values[begin:end] ^ _OFFSET) * _PRIME
            for length in range(2, LONGEST + 1):
                hashed ^= values[begin + length - 1 : end + length - 1]
                hashed *= _PRIME
                if length >= SHORTEST:
                    place, row = self._rows(hashed)
                    hits[length].append((place + begin, row))
        places, rows = [], []
        for length, found in hits.items():
            place, row = (np.concatenate(each) for each in zip(*found, strict=True))
            # What begins with a newline, or reaches over one, is no n-gram.
            last = np.minimum(place + length - 1, size - 1)
            inside = wanted[line[place]] & (line[place] == line[last]) & (buffer[place] != _NEWLINE)
            inside &= place + length <= size
            places.append(place[inside])
            rows.append(row[inside])
        return np.concatenate(places), np.concatenate(rows)

    def _of_any_words(self, texts: Sequence[str], places: Sequence[int]) -> tuple[Array, Array]:
        """The same as `_found` for the texts at some places: of several words, long ones, or in any script."""
        pairs = [(place, word[:MAX_WORD]) for place in places for word in texts[place].split()]
        owner = np.array([place for place, _ in pairs], np.int64)
        whole = np.array([self._words.get(word, -1) for _, word in pairs], np.int64)
        known = np.flatnonzero(whole >= 0)
        parts, rows = self._ngrams_of_bytes([word for _, word in pairs])
        return np.append(owner[known], owner[parts]), np.append(whole[known], rows)

    def _ngrams_of_bytes(self, words: Sequence[str]) -> tuple[Array, Array]:
        """Of all n-grams that were kept: the word's place and the row. All words are hashed at once, byte by byte."""
        encoded = [f"<{word}>".encode("utf-8", "replace") for word in words]
        buffer = np.frombuffer(b"".join(encoded) + b"\0" * _PAD, np.uint8)
        ends = np.cumsum([len(each) for each in encoded], dtype=np.int64)
        begins = (buffer & 0xC0) != 0x80
        start = np.flatnonzero(begins[:-_PAD])
        owner = np.searchsorted(ends, start, side="right")
        end = ends[owner]
        # fastText takes bytes as signed: those above 127 fill the upper bits.
        values = np.where(buffer <= _LAST_ASCII, buffer, buffer | np.uint32(0xFFFFFF00)).astype(np.uint32)
        hashed = np.full(len(start), _OFFSET, np.uint32)
        characters = np.zeros(len(start), np.int64)
        owners, found = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for offset in range(4 * LONGEST):
            inside = start + offset < end
            at = np.minimum(start + offset, len(buffer) - _PAD)
            hashed = np.where(inside, (hashed ^ values[at]) * _PRIME, hashed)
            complete = inside & begins[at + 1]
            characters += complete
            wanted = np.flatnonzero(complete & (characters >= SHORTEST) & (characters <= LONGEST))
            place, row = self._rows(hashed[wanted])
            owners.append(owner[wanted[place]])
            found.append(row)
        return np.concatenate(owners), np.concatenate(found)

    def _rows(self, hashed: npt.NDArray[np.uint32]) -> tuple[Array, Array]:
        """Which of the hashes are those of n-grams that were kept, and their rows."""
        bucket = hashed - hashed // _BUCKETS * _BUCKETS
        byte = (bucket >> _THREE).astype(np.intp)
        bits, bit = self._bits[byte], bucket.astype(np.uint8) & _SEVEN
        found = np.flatnonzero((bits >> bit & _ONE).view(np.bool_))
        below = _ONES[bits[found] & ((_ONE << bit[found]) - _ONE)]
        return found, self._before[byte[found]] + below.astype(np.int64) + len(self._words)
