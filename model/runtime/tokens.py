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

# Columns of the numeric table of tokens.
VALENCE, BOOST, EXCLAMATIONS = range(3)


class TokenTable:
    """What is known of each token id, as columns; new tokens wait in lists until the columns are asked for."""

    def __init__(self) -> None:
        self.size = 0
        self._new: list[tuple[int, int, int, Sequence[float]]] = []
        self._flags = np.zeros(0, np.int32)
        self._hashes = np.zeros(0, np.uint32)
        self._rows = np.zeros(0, np.int32)
        self._numbers = np.zeros((3, 0), np.float32)

    def add(self, flags: int, hashed: int, row: int, numbers: Sequence[float]) -> int:
        """Append one token: its bits, its key's hash, its row in the vocabulary (0: unknown), three numbers."""
        flags |= VALENCED * (numbers[VALENCE] != 0) | EXCLAIMED * (numbers[EXCLAMATIONS] != 0)
        self._new.append((flags, hashed, row, numbers))
        self.size += 1
        return self.size - 1

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

    def _settle(self) -> None:
        if not self._new:
            return
        flags, hashes, rows, numbers = zip(*self._new, strict=True)
        settled = self.size - len(self._new)
        if self.size > len(self._flags):
            room = max(1 << 14, self.size - len(self._flags), len(self._flags))
            self._flags = np.pad(self._flags, (0, room))
            self._hashes = np.pad(self._hashes, (0, room))
            self._rows = np.pad(self._rows, (0, room))
            self._numbers = np.pad(self._numbers, ((0, 0), (0, room)))
        new = slice(settled, self.size)
        self._flags[new], self._hashes[new], self._rows[new] = flags, hashes, rows
        self._numbers[:, new] = np.array(numbers, np.float32).T
        self._new.clear()
