"""What a batch's new words are, all at once: most are no word of any list, and a few array operations say so.

A word that a list may know (a lexicon, the vocabulary, a phrase), that is elongated, or that is not made of ASCII
letters is left to the lexer, which takes it apart alone. Both ways give the same token.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .chunks import LETTER
from .english import COMMON_ENDS, NO_WORD
from .tokens import CAPITALS, COMMON, COUNTED, HASHTAG, IN_HASHTAG, LEARNT, WORD, Ints

Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

MAX_PLAIN = 40
_NEWLINE = ord("\n")
_SMALL = np.where(LETTER, np.arange(256) | 32, np.arange(256)).astype(np.uint8)
_AS_BIT = np.array([1 << (byte & 31) if 97 <= byte <= 122 else 0 for byte in range(256)], np.uint32)
# The last two letters of what Snowball's English stemmer may change; `COMMON_ENDS` end in the others.
_CHANGED = re.compile("[a-z](?:[syeil])|ed|ng|er|or|ic|nt|st|sm|on|ht|ul|ss|ly")
_ENDS = np.zeros((256, 256), bool)
for _first in range(97, 123):
    for _second in range(97, 123):
        _ENDS[_first, _second] = _CHANGED.fullmatch(chr(_first) + chr(_second)) is not None
# Laughter of any length is made of these; nothing else that is no word has more than so many different letters.
_LAUGHTER = np.uint32(sum(1 << (ord(letter) & 31) for letter in "aheijksr"))
_FEW_LETTERS = 5
_BITS_SET = np.array([number.bit_count() for number in range(1 << 14)], np.uint8)


class Words(NamedTuple):
    """Of n words that no list knows: which of those given they are, and what a token needs of each."""

    places: Places
    keys: list[str]
    surfaces: list[str]
    flags: Ints
    hashes: npt.NDArray[np.uint32]
    rows: Ints


class NewWords:
    """Tells words that no list knows from the others. `known`: all words of the lists, in lower case."""

    def __init__(
        self,
        known: Iterable[str],
        stem: Callable[[str], str],
        vocabulary: Mapping[str, int],
        is_comparative: Callable[[str], bool],
    ) -> None:
        self._known = frozenset(known)
        self._stem = stem
        self._vocabulary = vocabulary
        self._is_comparative = is_comparative

    def unknown(self, words: Sequence[str], flags: Ints) -> Words:
        """Those of the words that no list knows; `flags`: what is known of each from its place in a text."""
        joined = "\n".join(words)
        low = joined.lower().split("\n")
        shape = _Shape(joined)
        plain = shape.plain
        plain &= np.array([word not in self._known for word in low])
        for place in np.flatnonzero(plain & (shape.few_letters | shape.ends_in_er)).tolist():
            word = low[place]
            plain[place] = not (NO_WORD.fullmatch(word) or (len(word) > 4 and self._is_comparative(word)))
        places = np.flatnonzero(plain)
        surfaces = [low[place] for place in places.tolist()]
        found = flags[places] | WORD | CAPITALS * shape.capitals[places]
        evident = np.where(found & (HASHTAG | IN_HASHTAG), 0, COUNTED).astype(np.int32)
        keys, rows = self._stemmed(surfaces, np.flatnonzero(shape.stemmed[places]), evident)
        hashes = np.fromiter(map(zlib.crc32, "\n".join(keys).encode().split(b"\n")), np.uint32, len(keys))
        return Words(places, keys, surfaces, found | evident, hashes, rows)

    def _stemmed(self, words: list[str], places: Places, evident: Ints) -> tuple[list[str], Ints]:
        """The words' keys and their rows in the vocabulary; adds to `evident` what their ends say."""
        keys, rows = words.copy(), np.zeros(len(words), np.int32)
        for place in places.tolist():
            word = words[place]
            keys[place] = key = self._stem(word)
            row = self._vocabulary.get(key)
            if row is not None:
                rows[place] = row
                evident[place] |= LEARNT * (evident[place] != 0)
            if len(word) > 5 and evident[place] and word.endswith(COMMON_ENDS):
                evident[place] |= COMMON | LEARNT
        return keys, rows


class _Shape:
    """What the letters of n words say, (n,) each; the words are given with newlines between them.

    `plain`: ASCII letters only, at most MAX_PLAIN, none of them three times in a row. The others hold for plain words:
    `capitals`, `few_letters` (it may be no word), `stemmed` (what the stemmer may change), `ends_in_er`.
    """

    def __init__(self, joined: str) -> None:
        buffer = np.frombuffer(joined.encode("utf-8", "surrogatepass") + b"\n", np.uint8)
        between = buffer == _NEWLINE
        ends = np.flatnonzero(between)
        starts = np.append(0, ends[:-1] + 1)
        lengths = ends - starts
        word = np.cumsum(between, dtype=np.int32)
        small = _SMALL[buffer]
        self.plain = lengths <= MAX_PLAIN
        self.plain[word[np.flatnonzero(~LETTER[buffer] & ~between)]] = False
        self.plain[word[np.flatnonzero((small[:-2] == small[1:-1]) & (small[1:-1] == small[2:]))]] = False
        large = np.bincount(word[np.flatnonzero(small != buffer)], minlength=len(ends))
        self.capitals = (large == lengths) & (lengths > 1)
        letters = np.bitwise_or.reduceat(_AS_BIT[small], starts)
        different = _BITS_SET[letters & 0x3FFF] + _BITS_SET[letters >> 14]
        self.few_letters = (different <= _FEW_LETTERS) | (letters & ~_LAUGHTER == 0)
        last, before = small[ends - 1], small[np.maximum(ends - 2, 0)]
        self.stemmed = _ENDS[before, last]
        self.ends_in_er = (before == ord("e")) & (last == ord("r"))
