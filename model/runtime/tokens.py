"""What is known of a token, and the columns that hold it for all tokens met so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]

# What a token is, as bits.
BOUNDARY, STOP, NEGATOR, BUT, WORD, CAPITALS, ELONGATED, HASHTAG = (1 << bit for bit in range(8))
ADDRESS, MENTION, NUMBER, EMOTICON, QUESTION, RETWEET, QUOTE = (1 << bit for bit in range(8, 15))
# Set by the table: the token has a valence, exclamation marks.
VALENCED, EXCLAIMED = 1 << 15, 1 << 16
# A negator that makes a comparative the utmost ("never better"); a comparative.
UTMOST, COMPARATIVE = 1 << 17, 1 << 18
# What a word says about the language of its text: it counts, it is surely English, it is a common word of English, a
# labelled text has it or a form of it, several languages have it, it is not in Latin letters. Words inside a hashtag
# say nothing.
COUNTED, ENGLISH, COMMON, LEARNT, SHARED, OTHER_SCRIPT, IN_HASHTAG = (1 << bit for bit in range(19, 26))
# A comma follows; a negator that denies a fault ("not bad").
PAUSE, DENIAL = 1 << 26, 1 << 27

# How a text's evidence is counted by one sum: the words that count and are not shared, then those with each other bit;
# a field of 15 bits each, which no text's words fill (MAX_CHARACTERS of scorer.py).
EVIDENCE = (COUNTED, ENGLISH, COMMON, LEARNT)
EVIDENCE_SHIFTS = (0, 15, 30, 45)
EVIDENCE_MASK = (1 << 15) - 1

# Columns of the numeric table of tokens.
VALENCE, BOOST, EXCLAMATIONS = range(3)


class TokenTable:
    """What is known of each token id, as columns; new tokens wait in lists until the columns are asked for."""

    def __init__(self) -> None:
        self.size = 0
        self._new: list[tuple[int, int, int, Sequence[float], int]] = []
        self._flags = np.zeros(0, np.int32)
        self._hashes = np.zeros(0, np.uint32)
        self._rows = np.zeros(0, np.int32)
        self._numbers = np.zeros((3, 0), np.float32)
        self._in_phrases = np.zeros(0, np.int32)
        self._evidence = np.zeros(0, np.int64)

    def add(self, flags: int, hashed: int, row: int, numbers: Sequence[float], in_phrases: int = 0) -> int:
        """Append one token: its bits, its key's hash, its row in the vocabulary (0: unknown), three numbers.

        `in_phrases`: the word's number where it is part of a phrase.
        """
        flags |= VALENCED * (numbers[VALENCE] != 0) | EXCLAIMED * (numbers[EXCLAMATIONS] != 0)
        self._new.append((flags, hashed, row, numbers, in_phrases))
        self.size += 1
        return self.size - 1

    def extend(self, flags: Ints, hashes: npt.NDArray[np.uint32], rows: Ints) -> int:
        """Append tokens without numbers that are in no phrase; returns the id of the first of them."""
        self._settle()
        first, self.size = self.size, self.size + len(flags)
        self._make_room()
        new = slice(first, self.size)
        self._flags[new], self._hashes[new], self._rows[new] = flags, hashes, rows
        self._evidence[new] = _packed(flags)
        return first

    @property
    def flags(self) -> Ints:
        """(size or more,) the bits."""
        self._settle()
        return self._flags

    @property
    def hashes(self) -> npt.NDArray[np.uint32]:
        """(size or more,) the keys' hashes."""
        self._settle()
        return self._hashes

    @property
    def rows(self) -> Ints:
        """(size or more,) rows in the vocabulary."""
        self._settle()
        return self._rows

    @property
    def numbers(self) -> Floats:
        """(3, size or more) VALENCE, BOOST and EXCLAMATIONS."""
        self._settle()
        return self._numbers

    @property
    def in_phrases(self) -> Ints:
        """(size or more,) the words' numbers in phrases, 0 for all others."""
        self._settle()
        return self._in_phrases

    @property
    def evidence(self) -> npt.NDArray[np.int64]:
        """(size or more,) what the words say about their text's language, a field for each of EVIDENCE."""
        self._settle()
        return self._evidence

    def _settle(self) -> None:
        if not self._new:
            return
        flags, hashes, rows, numbers, in_phrases = zip(*self._new, strict=True)
        settled = self.size - len(self._new)
        self._make_room()
        new = slice(settled, self.size)
        self._flags[new], self._hashes[new], self._rows[new] = flags, hashes, rows
        self._in_phrases[new] = in_phrases
        self._evidence[new] = _packed(self._flags[new])
        self._numbers[:, new] = np.array(numbers, np.float32).T
        self._new.clear()

    def _make_room(self) -> None:
        if self.size > len(self._flags):
            room = max(1 << 14, self.size - len(self._flags), len(self._flags))
            self._flags = np.pad(self._flags, (0, room))
            self._hashes = np.pad(self._hashes, (0, room))
            self._rows = np.pad(self._rows, (0, room))
            self._numbers = np.pad(self._numbers, ((0, 0), (0, room)))
            self._in_phrases = np.pad(self._in_phrases, (0, room))
            self._evidence = np.pad(self._evidence, (0, room))


def _packed(flags: Ints) -> npt.NDArray[np.int64]:
    """(n,) the evidence of tokens in one number each; a word of several languages is none."""
    flags = np.where(flags & SHARED, flags & ~COUNTED, flags)
    packed = np.zeros(len(flags), np.int64)
    for bit, shift in zip(EVIDENCE, EVIDENCE_SHIFTS, strict=True):
        packed |= ((flags & bit) != 0).astype(np.int64) << shift
    return packed
