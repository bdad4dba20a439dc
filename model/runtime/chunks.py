"""Texts cut into chunks (runs of non-blanks), and what is known of chunks, for a whole batch at once.

A batch is one buffer of UTF-8 and a chunk a place in it with a key of 64 bits; keys are looked up in a hash table of
two arrays. No Python object is made of a chunk that was met before.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from random import SystemRandom
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .tokens import Ints

Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]

SEPARATOR = "\x00"
BLANKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
BLANKS += "\u2028\u2029\u202f\u205f\u3000"
UNKNOWN = -1

# Characters that are looked at of one chunk: no word is as long.
MAX_CHUNK = 400
# The marks that stand alone behind a word.
MARKS = "!?.;:,"
LETTER = np.array([byte < 128 and chr(byte).isalpha() for byte in range(256)])  # of ASCII, by byte
_ENDING = np.array([chr(byte) in MARKS for byte in range(256)])
# A chunk longer than this gets its key from Python's own hash.
_LONGEST = 64
_LONGEST_HANDLE = 16
_BLANK_BYTES = bytes(32 if chr(byte) in BLANKS and byte < 128 else byte for byte in range(256))
_WIDE_BLANKS = {
    size: np.array([int.from_bytes(blank, "little") for blank in map(str.encode, BLANKS) if len(blank) == size])
    for size in (2, 3)
}
_FIRST_OF_WIDE = np.unique([blank.encode()[0] for blank in BLANKS if blank > "\x7f"]).astype(np.uint8)
_FIRST_BYTES = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_IN_HANDLES = np.array([byte == 0 or (byte < 128 and (chr(byte).isalnum() or byte == 95)) for byte in range(256)])
_HTTP, _HTTPS = (np.uint64(int.from_bytes(start, "little")) for start in (b"http://", b"https://"))
_AT_BYTE = ord("@")
_AT = np.uint64(_AT_BYTE)
_EMPTY = np.uint64(0xFFFF_FFFF_FFFF_FFFF)  # no chunk's first bytes: 0xFF is not in UTF-8
_GOLDEN, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC4CEB9FE1A85EC53)


class Words(NamedTuple):
    """What n chunks are: each is a word, a handle or another.

    `plain`: (n,) which are a word of ASCII letters with at most one mark behind it; `marks`: (n,) that mark's byte, 0
    for none; `handles`: (n,) which are an @ with letters, digits and underscores of ASCII. `words`: those words without
    their marks; `others`: all chunks that are neither.
    """

    plain: npt.NDArray[np.bool_]
    marks: npt.NDArray[np.intp]
    handles: npt.NDArray[np.bool_]
    words: list[str]
    others: list[str]


@dataclass(frozen=True)
class Chunks:
    """The chunks of a batch, n of them: where each begins in the buffer and how many bytes it has."""

    raw: bytearray
    starts: Places
    lengths: Places

    def __getitem__(self, place: int) -> str:
        return self._bytes(place).decode("utf-8", "surrogatepass")

    def _bytes(self, place: int) -> bytes:
        start = self.starts[place]
        return bytes(self.raw[start : start + self.lengths[place]])

    def _eight(self, places: Places | slice, skipped: int) -> Keys:
        """Eight bytes of each chunk as a number, `skipped` bytes from its beginning; zeros behind its end."""
        anywhere: Keys = np.ndarray(len(self.raw) - 7, "<u8", self.raw, 0, (1,))
        found = anywhere[self.starts[places] + skipped]
        found &= _FIRST_BYTES[np.clip(self.lengths[places] - skipped, 0, 8)]
        return found

    @cached_property
    def heads(self) -> Keys:
        """(n,) the first eight bytes."""
        return self._eight(slice(None), 0)

    def separators(self) -> Places:
        """Which chunks stand before a text."""
        return np.flatnonzero(self.heads == 0)

    def addresses(self) -> Places:
        """Which chunks begin with http:// or https://."""
        return np.flatnonzero((self.heads == _HTTPS) | (self.heads & _FIRST_BYTES[7] == _HTTP))

    def handles(self) -> Places:
        """Which chunks are an @ with up to fifteen letters, digits and underscores of ASCII."""
        at = np.flatnonzero(self.heads & np.uint64(0xFF) == _AT)
        at = at[(self.lengths[at] > 1) & (self.lengths[at] <= _LONGEST_HANDLE)]
        sixteen = np.stack((self.heads[at] ^ _AT, self._eight(at, 8)), 1)
        return at[_IN_HANDLES[sixteen.view(np.uint8)].all(1)]

    def words(self, places: Places) -> Words:
        """What the chunks at some places are, as far as one look at their bytes says it."""
        lengths = self.lengths[places]
        ends = np.cumsum(lengths + 1)
        # Each with the blank behind it.
        at = np.repeat(self.starts[places] + lengths + 1 - ends, lengths + 1) + np.arange(ends[-1])
        buffer = np.frombuffer(self.raw, np.uint8)[at]
        letter = LETTER[buffer]
        begins = ends - lengths - 1
        letters = np.add.reduceat(letter, begins, dtype=np.int32)
        short = lengths <= MAX_CHUNK
        last = buffer[ends - 2]
        alone = (letters == lengths) & short
        marked = (letters == lengths - 1) & (letters > 0) & short & _ENDING[last]
        at_first = np.flatnonzero((buffer[begins] == _AT_BYTE) & (lengths > 1))
        handles = np.zeros(len(places), bool)
        if len(at_first):
            # The @ and the blank behind the chunk do not count.
            named = np.add.reduceat(_IN_HANDLES[buffer], begins, dtype=np.int32)
            handles[at_first] = named[at_first] == lengths[at_first] - 1
        plain = alone | marked
        of_plain = np.repeat(plain, lengths + 1)
        of_others = np.repeat(~plain & ~handles, lengths + 1)
        letter[ends - 1] = True
        return Words(
            plain,
            np.where(marked, last, 0),
            handles,
            buffer[letter & of_plain].tobytes().decode().split(" ")[:-1],
            buffer[of_others].tobytes().decode("utf-8", "surrogatepass").split(" ")[:-1],
        )

    def keys(self, seed: np.uint64) -> Keys:
        """(n,) up to eight bytes are their own key; of longer chunks it is a hash that nobody can foresee."""
        keys = self.heads.copy()
        places, skipped = np.flatnonzero(self.lengths > 8), 8
        while len(places) and skipped < _LONGEST:
            keys[places] = _mixed(keys[places] ^ seed) ^ self._eight(places, skipped)
            skipped += 8
            ended = self.lengths[places] <= skipped
            keys[places[ended]] = _mixed(keys[places[ended]])
            places = places[~ended]
        for place in places.tolist():
            keys[place] = hash(self._bytes(place)) & 0x7FFF_FFFF_FFFF_FFFF
        return keys


def split(texts: Sequence[str]) -> Chunks:
    """The chunks of all texts, a SEPARATOR before each text; blanks are those of `str.split`."""
    lead = SEPARATOR + " "
    joined = lead + (" " + lead).join(texts)
    if joined.count(SEPARATOR) != len(texts):
        joined = lead + (" " + lead).join(text.replace(SEPARATOR, " ") for text in texts)
    # A blank ends the last chunk, and eight bytes may be read from any place.
    raw = bytearray((joined + " " * 16).encode("utf-8", "surrogatepass").translate(_BLANK_BYTES))
    buffer = np.frombuffer(raw, np.uint8)
    if not joined.isascii():
        _blank_out(buffer)
    blanks = np.flatnonzero(buffer == 32)
    starts = np.append(0, blanks[:-1] + 1)
    lengths = blanks - starts
    kept = lengths > 0
    return Chunks(raw, starts[kept], lengths[kept])


def _blank_out(buffer: npt.NDArray[np.uint8]) -> None:
    """Overwrite the blanks outside ASCII, which have two or three bytes."""
    first = np.flatnonzero(buffer >= _FIRST_OF_WIDE.min())
    first = first[np.isin(buffer[first], _FIRST_OF_WIDE)]
    two = buffer[first] + (buffer[first + 1].astype(np.int64) << 8)
    three = two + (buffer[first + 2].astype(np.int64) << 16)
    for size, found in ((2, two), (3, three)):
        places = first[np.isin(found, _WIDE_BLANKS[size])]
        for offset in range(size):
            buffer[places + offset] = 32


class Known:
    """Which tokens a chunk consists of, by the chunk's key; an open-addressing table that grows.

    Two long chunks of one key would be taken for each other: a chance of one in 10^19 for each pair of them.
    """

    def __init__(self) -> None:
        self.seed = np.uint64(SystemRandom().getrandbits(64))
        self.size = 0
        self._tokens = array("i")
        self._reserve(14)

    def _reserve(self, bits: int) -> None:
        self._shift = np.uint64(64 - bits)
        self._last = (1 << bits) - 1
        self._keys = np.full(1 << bits, _EMPTY)
        self._runs = np.full(1 << bits, UNKNOWN, np.int64)

    def run(self, tokens: Sequence[int]) -> int:
        """Remember a run of token ids; the number that stands for it: where it begins, and its length."""
        self._tokens.extend(tokens)
        return (len(self._tokens) - len(tokens)) << 20 | len(tokens)

    def extend(self, tokens: Ints, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Remember many runs, whose token ids follow each other; the numbers that stand for them."""
        first = len(self._tokens)
        self._tokens.frombytes(tokens.astype(np.int32).tobytes())
        numbers: npt.NDArray[np.int64] = (first + np.cumsum(counts) - counts) << 20 | counts
        return numbers

    def runs(self, keys: Keys) -> npt.NDArray[np.int64]:
        """(n,) the run of each chunk, or UNKNOWN."""
        slots = self._slots(keys)
        found = self._keys[slots]
        others = np.flatnonzero((found != keys) & (found != _EMPTY))
        while len(others):
            slots[others] = (slots[others] + 1) & self._last
            found = self._keys[slots[others]]
            others = others[(found != keys[others]) & (found != _EMPTY)]
        return self._runs[slots]

    def add(self, keys: Keys, runs: npt.NDArray[np.int64]) -> None:
        """Add chunks that are not there yet, each once."""
        new = runs
        self.size += len(keys)
        if 2 * self.size > len(self._keys):
            full = self._keys != _EMPTY
            keys, new = np.append(self._keys[full], keys), np.append(self._runs[full], new)
            self._reserve((4 * self.size).bit_length())
        self._insert(keys, new)

    def tokens(self, runs: npt.NDArray[np.int64]) -> Ints:
        """The tokens of all runs, one after the other."""
        counts = runs & 0xFFFFF
        ends = np.cumsum(counts)
        places = np.repeat((runs >> 20) - ends + counts, counts)
        places += np.arange(len(places))
        found: Ints = np.frombuffer(self._tokens, np.int32)[places]
        return found

    def _slots(self, keys: Keys) -> Places:
        return ((keys * _GOLDEN) >> self._shift).astype(np.intp)

    def _insert(self, keys: Keys, runs: npt.NDArray[np.int64]) -> None:
        """All keys claim their slots at once; of several that claim one, the last has it and the others go on."""
        slots = self._slots(keys)
        while len(keys):
            free = self._keys[slots] == _EMPTY
            self._keys[slots[free]] = keys[free]
            won = self._keys[slots] == keys
            self._runs[slots[won]] = runs[won]
            keys, runs, slots = keys[~won], runs[~won], (slots[~won] + 1) & self._last


def _mixed(values: Keys) -> Keys:
    """Every bit depends on every bit (the finish of MurmurHash3)."""
    values = (values ^ values >> np.uint64(33)) * _OTHER
    values = (values ^ values >> np.uint64(29)) * _GOLDEN
    mixed: Keys = values ^ values >> np.uint64(32)
    return mixed
