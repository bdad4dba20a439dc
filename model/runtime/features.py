"""What a text is like as a whole: how its valences add up, where they stand, what surrounds them.

Everything is computed for a whole batch at once, and mostly from the few tokens that carry something; the rules for
negation, boosters, capitals, "but" and exclamation marks follow VADER, the weights are learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from . import negation, tokens
from .tokens import Floats, Ints, TokenTable

Array = npt.NDArray[Any]
Places = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

NEGATED = -0.74  # VADER: a negated valence keeps this share of its strength
SHOUTED = 0.733  # VADER: capitals in a text that is not all capitals
BEFORE_BUT, AFTER_BUT = 0.5, 1.5  # VADER: of valences before and after a contrast
SAID_BEFORE_BUT = 0.3  # how much the words before a contrast count; those after it count 1
COMPOUND_ALPHA = 15.0
EXCLAMATION = 0.292

_COUNTED = (
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
)
_MARKS = sum(bit for _, bit in _COUNTED) | tokens.CAPITALS | tokens.EMOTICON


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
    def text(self) -> Places:
        """(n,) which text each token belongs to."""
        return np.repeat(np.arange(len(self.starts)), self.ends - self.starts)

    @cached_property
    def negated(self) -> Bools:
        """(n,) whether a negator stands at most four tokens before, within the same sentence and before a comma.

        Emoji and emoticons are not negated: "not today :(" is no comfort.
        """
        near = np.zeros(len(self.ids), bool)
        place = np.flatnonzero(self.flags & (tokens.NEGATOR | tokens.DENIAL))
        for _ in range(negation.REACH):
            place = place[(place < len(near) - 1) & ((self.flags[place] & tokens.PAUSE) == 0)] + 1
            place = place[(self.flags[place] & tokens.STOP) == 0]
            near[place] = True
        near[near] = (self.flags[near] & tokens.EMOTICON) == 0
        return near

    @cached_property
    def last_contrast(self) -> Places:
        """(t,) the place of each text's last contrast, -1 without one; "nothing but good" is none."""
        contrast = np.flatnonzero(self.flags & tokens.BUT)
        # A boundary stands before each text, so there is a token before.
        contrast = contrast[(self.flags[contrast - 1] & (tokens.NEGATOR | tokens.UTMOST)) == 0]
        last = np.full(len(self.starts), -1)
        last[self.text[contrast]] = contrast  # later ones overwrite earlier ones
        return last

    @cached_property
    def emphasis(self) -> Floats:
        """(n,) how much each token counts in n-grams and parts: what stands before a "but" counts less."""
        emphasis = np.ones(len(self.ids), np.float32)
        for text in np.flatnonzero(self.last_contrast >= 0).tolist():
            emphasis[self.starts[text] : self.last_contrast[text]] = SAID_BEFORE_BUT
        return emphasis

    @cached_property
    def marks(self) -> tuple[Places, Ints]:
        """Of all tokens that `count` counts: their texts and their bits."""
        places = np.flatnonzero(self.flags & _MARKS)
        return self.text[places], self.flags[places]

    def count(self, bits: int) -> Places:
        """(t,) how many tokens have any of the bits, which are of those in _MARKS."""
        text, flags = self.marks
        return np.bincount(text[(flags & bits) != 0], minlength=len(self.starts))

    def sums(self, places: Places, values: Array) -> Floats:
        """(t,) the sum over each text of the values at some places."""
        return np.bincount(self.text[places], values, minlength=len(self.starts)).astype(np.float32)


def dense(batch: Batch) -> dict[str, Floats]:
    """Feature name -> (t,) values, always in the same order."""
    return {name: values.astype(np.float32, copy=False) for name, values in _all(batch)}


def _all(batch: Batch) -> Iterator[tuple[str, Array]]:
    words = np.add.reduceat((batch.flags & tokens.WORD) // tokens.WORD, batch.starts)
    capitals = batch.count(tokens.CAPITALS)
    exclaimed = np.flatnonzero(batch.flags & tokens.EXCLAIMED)
    bangs = np.minimum(batch.sums(exclaimed, batch.table.numbers[tokens.EXCLAMATIONS, batch.ids[exclaimed]]), 4)
    places = np.flatnonzero(batch.flags & tokens.VALENCED)
    plain = batch.table.numbers[tokens.VALENCE, batch.ids[places]]
    yield from _valences(batch, places, _in_context(batch, places, plain, capitals < words), bangs)
    faces = np.where(batch.flags[places] & tokens.EMOTICON, plain, 0)
    yield "glad faces", batch.sums(places, np.maximum(faces, 0))
    yield "sad faces", batch.sums(places, np.minimum(faces, 0))
    yield "face", batch.count(tokens.EMOTICON) > 0
    yield "bangs", bangs
    yield "bang", bangs > 0
    for name, bit in _COUNTED:
        counted = batch.count(bit)
        yield name, np.minimum(counted, 3)
        yield f"has {name}", counted > 0
    yield "negated valences", batch.sums(places, batch.negated[places])
    yield "capitals", np.where(words > capitals, capitals, 0) / batch.scale
    yield "all capitals", (capitals == words) & (words > 1)
    yield "length", np.log(batch.lengths + 1.0)
    yield "short", batch.lengths < 5
    last = batch.flags[batch.ends - 1]
    yield "ends with question", (last & tokens.QUESTION) != 0
    yield "ends with address", (last & tokens.ADDRESS) != 0
    first = batch.flags[np.minimum(batch.starts + 1, len(batch.ids) - 1)]
    yield "starts with mention", (first & tokens.MENTION) != 0


def _in_context(batch: Batch, places: Places, plain: Floats, mixed: Bools) -> Floats:
    """The valences at some places after boosters, capitals (in texts that are `mixed`) and negation."""
    boost = batch.table.numbers[tokens.BOOST]
    before = batch.ids[places - 1]
    # A boundary stands before each text: what is before that is another text's.
    two_before = np.where(before == 0, 0, batch.ids[places - 2])
    added = boost[before] + np.float32(0.9) * boost[two_before]
    shouted = ((batch.flags[places] & tokens.CAPITALS) != 0) & mixed[batch.text[places]]
    added += np.float32(SHOUTED) * shouted
    factor = np.where(batch.negated[places], np.float32(NEGATED), np.float32(1))
    values: Floats = (plain + np.sign(plain) * added) * factor
    return values


def _valences(batch: Batch, places: Places, values: Floats, bangs: Array) -> Iterator[tuple[str, Array]]:
    """What the valences come to: sums, extremes, first and last, before and after "but"."""
    places, values = places[values != 0], values[values != 0]
    counts = np.bincount(batch.text[places], minlength=len(batch.starts))
    some = np.flatnonzero(counts)
    ends = np.cumsum(counts)[some]
    begins = ends - counts[some]

    def by_text(found: Array) -> Array:
        spread = np.zeros(len(counts), np.float32)
        spread[some] = found
        return spread

    good, bad = np.maximum(values, 0), np.minimum(values, 0)
    # Over all tokens, zeros too: in which order floats are added decides ties at the thresholds below.
    whole = np.zeros(len(batch.ids), np.float32)
    whole[places] = values
    goods = np.add.reduceat(np.maximum(whole, 0), batch.starts)
    bads = np.add.reduceat(np.minimum(whole, 0), batch.starts)
    n_good = batch.sums(places, good > 0)
    yield from (("+", goods), ("-", bads))
    yield from (("+ scaled", goods / batch.scale), ("- scaled", bads / batch.scale))
    after, late = _after_but(batch, whole)
    total = np.where(late, AFTER_BUT * after + BEFORE_BUT * (goods + bads - after), goods + bads)
    yield "compound", _compound(total)
    yield "compound!", _compound(total + np.sign(total) * bangs * np.float32(EXCLAMATION))
    yield "max", by_text(np.maximum.reduceat(good, begins))
    yield "min", by_text(np.minimum.reduceat(bad, begins))
    yield from (("n+", n_good / batch.scale), ("n-", (counts - n_good) / batch.scale))
    yield from (("first", by_text(values[begins])), ("last", by_text(values[ends - 1])))
    yield "none", counts == 0
    yield "mixed", np.minimum(goods, -bads)
    yield "mean", (goods + bads) / np.maximum(counts, 1)
    yield from (("positive", total > 0.2), ("negative", total < -0.2))
    yield "after but", after


def _after_but(batch: Batch, values: Floats) -> tuple[Floats, Bools]:
    """(t,) the valence behind the last contrast (0 without one) and whether there is one."""
    last = batch.last_contrast
    late: Bools = last >= 0
    after = np.zeros(len(batch.starts), np.float32)
    running = np.cumsum(values, dtype=np.float64) if late.any() else np.zeros(0)
    after[late] = running[batch.ends[late] - 1] - running[last[late]]
    return after, late


def _compound(total: Floats) -> Floats:
    squashed: Floats = total / np.sqrt(total * total + np.float32(COMPOUND_ALPHA))
    return squashed
