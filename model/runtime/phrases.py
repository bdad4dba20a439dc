"""Phrases that mean something else than their words: "killing it", "fed up", "can't wait"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

import numpy as np

from .tokens import Ints, TokenTable

# What a phrase may be: praise, scorn, a negator, or words that mean no more than they say but deny nothing.
PRAISE, SCORN, DENYING, PLAIN = "praise", "scorn", "negator", "plain"
VALENCES = {PRAISE: 2.6, SCORN: -2.6}


class Phrases:
    """Finds phrases of two words or more by a pair of neighbours: the rarest word and one beside it.

    `phrases`: words with blanks between them to a kind; "a/b c" stands for "a c" and "b c". Apostrophes do not count.
    `common`: words to their rank; one that is not there is rare.
    """

    def __init__(self, phrases: Mapping[str, str], common: Mapping[str, int]) -> None:
        spelled = {
            words: kind for phrase, kind in phrases.items() for words in product(*map(_alternatives, phrase.split()))
        }
        self._all = [(" ".join(words).replace("'", " "), kind) for words, kind in spelled.items()]
        self._numbers: dict[str, int] = {}
        ways = [[self._number(word) for word in words] for words in spelled]
        self._size = len(self._numbers) + 1
        self._is_pair = np.zeros(self._size**2, bool)
        self._by_pair: dict[int, list[tuple[int, list[int], int]]] = {}
        for place, (words, way) in enumerate(zip(spelled, ways, strict=True)):
            first = _rarest_pair(words, common)
            pair = way[first] * self._size + way[first + 1]
            self._is_pair[pair] = True
            self._by_pair.setdefault(pair, []).append((first, way, place))
        for found in self._by_pair.values():
            found.sort(key=lambda each: -len(each[1]))

    def _number(self, word: str) -> int:
        return self._numbers.setdefault(word.replace("'", ""), len(self._numbers) + 1)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Each phrase as the subword model sees it, and its kind."""
        return iter(self._all)

    def words(self) -> Iterable[str]:
        """All words of phrases, without apostrophes."""
        return self._numbers

    def number(self, bare: str) -> int:
        """The number of a word without apostrophes, as the table keeps it; 0 for a word that is in no phrase."""
        return self._numbers.get(bare, 0)

    def replaced(self, ids: Ints, table: TokenTable, tokens: Sequence[int]) -> Ints:
        """The tokens of a batch with each phrase's own token (`tokens`, in the order of iteration) in its place."""
        numbers = table.in_phrases[ids]
        pairs = numbers[:-1] * self._size + numbers[1:]
        places = np.flatnonzero(self._is_pair[pairs])
        gone: list[int] = []
        end = 0
        for place, pair in zip(places.tolist(), pairs[places].tolist(), strict=True):
            for before, words, number in self._by_pair[pair]:
                start = place - before
                if start >= end and numbers[start : start + len(words)].tolist() == words:
                    ids[start] = tokens[number]
                    end = start + len(words)
                    gone.extend(range(start + 1, end))
                    break
        return np.delete(ids, gone) if gone else ids


def _alternatives(words: str) -> list[str]:
    return words.split("/")


def _rarest_pair(words: Sequence[str], common: Mapping[str, int]) -> int:
    """Where the pair of neighbours begins that holds the rarest word and the rarer of those beside it."""
    ranks = [common.get(word.replace("'", ""), len(common)) for word in words]
    return max(range(len(words) - 1), key=lambda place: sorted(ranks[place : place + 2], reverse=True))
