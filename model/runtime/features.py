"""What a text is like as a whole: how its valences add up, where they stand, what surrounds them.

Everything is computed for a whole batch at once by shifts, running maxima and `reduceat` over the token ids; the
rules for negation, boosters, capitals, "but" and exclamation marks follow VADER, the weights are learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import tokens
from .tokens import Floats, Ints, TokenTable

Array = npt.NDArray[Any]
Kind = TypeVar("Kind", bound=np.generic)
Bools = npt.NDArray[np.bool_]

NEGATION_REACH = 4
NEGATED = -0.74  # VADER: a negated valence keeps this share of its strength
SHOUTED = 0.733  # VADER: capitals in a text that is not all capitals
BEFORE_BUT, AFTER_BUT = 0.5, 1.5
COMPOUND_ALPHA = 15.0
EXCLAMATION = 0.292


@dataclass(frozen=True)
class Batch:
    """Token ids of many texts with the places of their boundary tokens; `n` tokens, `t` texts."""

    ids: Ints
    table: TokenTable

    @cached_property
    def flags(self) -> Ints:
        """(n,) the tokens' bits."""
        return self.table.flags[self.ids]

    @cached_property
    def starts(self) -> npt.NDArray[np.intp]:
        """(t,) where each text's boundary token is."""
        return np.flatnonzero(self.ids == 0)

    @cached_property
    def ends(self) -> npt.NDArray[np.intp]:
        """(t,) where the next text begins."""
        return np.append(self.starts[1:], len(self.ids))

    @cached_property
    def lengths(self) -> npt.NDArray[np.intp]:
        """(t,) tokens of each text, without the boundary."""
        return self.ends - self.starts - 1

    @cached_property
    def scale(self) -> Floats:
        """(t,) by what counts are divided: long texts weigh more, but not in proportion."""
        scale: Floats = np.sqrt(self.lengths + 3.0).astype(np.float32)
        return scale

    @cached_property
    def counted(self) -> Bools:
        """(n,) whether a token takes part in the n-grams."""
        counted: Bools = (self.flags & (tokens.BOUNDARY | tokens.STOP)) == 0
        return counted

    @cached_property
    def negated(self) -> Bools:
        """(n,) whether a negator stands at most four tokens before, within the same sentence."""
        place = np.arange(len(self.ids), dtype=np.int32)
        negator = np.where(self.flags & tokens.NEGATOR, place, -NEGATION_REACH - 1)
        latest = _previous(np.maximum.accumulate(negator), -NEGATION_REACH - 1)
        stop = np.maximum.accumulate(np.where(self.flags & tokens.STOP, place, -1))
        near: Bools = (place - latest <= NEGATION_REACH) & (latest > stop)
        return near

    def per_token(self, values: Array) -> Array:
        """(n,) a value of each text handed down to its tokens."""
        return np.repeat(values, self.ends - self.starts)

    def sums(self, values: Array) -> Floats:
        """(t,) the sum over each text."""
        return np.add.reduceat(values, self.starts, dtype=np.float32)

    def count(self, bits: int) -> Floats:
        """(t,) how many tokens have any of the bits."""
        return self.sums((self.flags & bits) != 0)


def dense(batch: Batch) -> dict[str, Floats]:
    """Feature name -> (t,) values, always in the same order."""
    return {name: values.astype(np.float32, copy=False) for name, values in _all(batch)}


def _all(batch: Batch) -> Iterator[tuple[str, Array]]:
    numbers = batch.table.numbers[:, batch.ids]
    words, capitals = batch.count(tokens.WORD), batch.count(tokens.CAPITALS)
    strength = _strength(batch, numbers[tokens.BOOST], batch.per_token(capitals < words))
    bangs = np.minimum(batch.sums(numbers[tokens.EXCLAMATIONS]), 4)
    yield from _valences(batch, numbers[tokens.VALENCE], strength, bangs)
    faces = np.where(batch.flags & tokens.EMOTICON, numbers[tokens.VALENCE], 0)
    yield "glad faces", batch.sums(np.maximum(faces, 0))
    yield "sad faces", batch.sums(np.minimum(faces, 0))
    yield "face", batch.count(tokens.EMOTICON) > 0
    yield "bangs", bangs
    yield "bang", bangs > 0
    yield from _counts(batch)
    yield "negated valences", batch.sums(batch.negated & (numbers[tokens.VALENCE] != 0))
    yield "capitals", np.where(words > capitals, capitals, 0) / batch.scale
    yield "all capitals", (capitals == words) & (words > 1)
    yield "length", np.log(batch.lengths + 1.0)
    yield "short", batch.lengths < 5
    last = batch.flags[batch.ends - 1]
    yield "ends with question", (last & tokens.QUESTION) != 0
    yield "ends with address", (last & tokens.ADDRESS) != 0
    first = batch.flags[np.minimum(batch.starts + 1, len(batch.ids) - 1)]
    yield "starts with mention", (first & tokens.MENTION) != 0


def _strength(batch: Batch, boost: Floats, mixed: Array) -> tuple[Floats, Floats]:
    """(n,) what is added to a valence's magnitude, and what the sum is then multiplied with."""
    before = _previous(boost, 0)
    added = before + np.float32(0.9) * _previous(before, 0)
    added += np.float32(SHOUTED) * (((batch.flags & tokens.CAPITALS) != 0) & mixed)
    return added, np.where(batch.negated, np.float32(NEGATED), np.float32(1))


def _valences(
    batch: Batch, plain: Floats, strength: tuple[Floats, Floats], bangs: Floats
) -> Iterator[tuple[str, Array]]:
    """What the valences come to: sums, extremes, first and last, before and after "but"."""
    added, factor = strength
    values: Array = (plain + np.sign(plain) * added) * factor
    good, bad = np.maximum(values, 0), np.minimum(values, 0)
    goods, bads = batch.sums(good), batch.sums(bad)
    n_good, n_bad = batch.sums(good > 0), batch.sums(bad < 0)
    yield from (("+", goods), ("-", bads))
    yield from (("+ scaled", goods / batch.scale), ("- scaled", bads / batch.scale))
    after, late = _after_but(batch, values)
    total = np.where(late, 1.5 * after + 0.5 * (goods + bads - after), goods + bads)
    yield "compound", _compound(total)
    yield "compound!", _compound(total + np.sign(total) * bangs * np.float32(EXCLAMATION))
    yield "max", np.maximum.reduceat(values, batch.starts)
    yield "min", np.minimum.reduceat(values, batch.starts)
    yield from (("n+", n_good / batch.scale), ("n-", n_bad / batch.scale))
    yield from _first_and_last(batch, values)
    yield "none", (n_good + n_bad) == 0
    yield "mixed", np.minimum(goods, -bads)
    yield "mean", (goods + bads) / np.maximum(n_good + n_bad, 1)
    yield from (("positive", total > 0.2), ("negative", total < -0.2))
    yield "after but", after


def _after_but(batch: Batch, values: Array) -> tuple[Floats, Bools]:
    """(t,) the valence behind the last contrast (0 without one) and whether there is one."""
    contrast = np.flatnonzero(batch.flags & tokens.BUT)
    text = np.searchsorted(batch.starts, contrast, side="right") - 1
    last = np.full(len(batch.starts), -1)
    last[text] = contrast  # later ones overwrite earlier ones
    late: Bools = last >= 0
    after = np.zeros(len(batch.starts), np.float32)
    running = np.cumsum(values, dtype=np.float64) if late.any() else np.zeros(0)
    after[late] = running[batch.ends[late] - 1] - running[last[late]]
    return after, late


def _first_and_last(batch: Batch, values: Array) -> Iterator[tuple[str, Array]]:
    places = np.flatnonzero(values)
    begin, end = np.searchsorted(places, batch.starts), np.searchsorted(places, batch.ends)
    some = end > begin
    padded = np.append(values[places], np.float32(0))
    yield "first", np.where(some, padded[begin], 0)
    yield "last", np.where(some, padded[end - 1], 0)


def _counts(batch: Batch) -> Iterator[tuple[str, Array]]:
    for name, bit in (
        ("negators", tokens.NEGATOR),
        ("questions", tokens.QUESTION),
        ("elongated", tokens.ELONGATED),
        ("hashtags", tokens.HASHTAG),
        ("addresses", tokens.ADDRESS),
        ("mentions", tokens.MENTION),
        ("numbers", tokens.NUMBER),
        ("retweets", tokens.RETWEET),
        ("quotes", tokens.QUOTE),
        ("contrasts", tokens.BUT),
    ):
        counted = batch.count(bit)
        yield name, np.minimum(counted, 3)
        yield f"has {name}", counted > 0


def _compound(total: Floats) -> Floats:
    squashed: Floats = total / np.sqrt(total * total + np.float32(COMPOUND_ALPHA))
    return squashed


def _previous(values: npt.NDArray[Kind], first: float) -> npt.NDArray[Kind]:
    """Each value's left neighbour; `first` for the first."""
    shifted = np.empty_like(values)
    shifted[:1] = first
    shifted[1:] = values[:-1]
    return shifted
