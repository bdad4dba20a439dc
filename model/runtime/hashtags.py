"""The words of a hashtag: capitals tell them apart, or else a list of common words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import inf, log

# Of a hashtag: its characters, those of a part, and what each part costs beside its rarity.
MAX_TAG, MAX_PART, PART_PRICE = 40, 16, 4.0
_END = 3
_LETTER_WORDS = "ai"
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b|\d|_)|[A-Z]?[a-z]+")


class Hashtags:
    """`common`: words to their rank."""

    def __init__(self, common: Mapping[str, int]) -> None:
        self._common = common
        # How the longer ones begin and end: most places of a tag are no place where one does.
        self._heads = frozenset(word[:_END] for word in common)
        self._tails = frozenset(word[-_END:] for word in common)

    def words_of(self, name: str) -> list[str]:
        """The words of a tag without its `#`."""
        parts = _CAMEL.findall(name)
        return self.split(name.lower()) if len(parts) == 1 else parts

    def split(self, name: str) -> list[str]:
        """The cheapest way to write a tag as common words, the rarer the dearer; the name alone if there is none."""
        if not 5 < len(name) <= MAX_TAG or name in self._common or not self._may_end(name):
            return [name]
        best: list[tuple[float, int]] = [(0.0, 0)] + [(inf, end) for end in range(1, len(name) + 1)]
        for begin in range(len(name)):
            cost = best[begin][0]
            if cost < inf:
                for end in self._ends(name, begin):
                    price = log(2 + self._common[name[begin:end]]) + PART_PRICE
                    best[end] = min(best[end], (cost + price, begin))
        if best[-1][0] == inf:
            return [name]
        parts, end = [], len(name)
        while end:
            begin = best[end][1]
            parts.append(name[begin:end])
            end = begin
        return parts[::-1]

    def _may_end(self, name: str) -> bool:
        return name[-1] in _LETTER_WORDS or name[-2:] in self._common or name[-_END:] in self._tails

    def _ends(self, name: str, begin: int) -> Iterator[int]:
        """Where the common words end that begin at a place of the name."""
        longest = MAX_PART if name[begin : begin + _END] in self._heads else _END - 1
        for end in range(begin + 1, min(begin + longest, len(name)) + 1):
            if name[begin:end] in self._common and (end - begin > 1 or name[begin] in _LETTER_WORDS):
                yield end
