"""The language of each text, as an ISO 639 code of two or three letters; `und` for a text without words.

Most English texts are recognised by their words, which the lexer has looked up anyway. The others are given to
py3langid's model, all at once; what it is sure is English is English. Only the rest is given to CLD2, which costs more
and recognises most languages, but calls short texts of other languages English; where it says so of a text with few
English words, or names a rare language, py3langid decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .bayes import Bayes
from .features import Batch
from .tokens import COUNTED, EVIDENCE_MASK, EVIDENCE_SHIFTS, OTHER_SCRIPT

UNDETERMINED = "und"
ENGLISH_CODE = "en"
# Characters in which a text's language shows, to CLD2 and to py3langid.
MAX_READ, MAX_SLOWLY_READ = 1000, 48
# By how much English must lead in py3langid's model (natural logarithm) for its word alone. Of 55,000 English texts and
# 11,000 in other languages CLD2 contradicted it rightly in none; from 0 on it would have been in one.
SURE = 5.0
# Of so many characters nearly always as many are left as py3langid reads.
_ENOUGH = 2 * MAX_SLOWLY_READ
# From so many words on, CLD2 calls few texts English that are not.
LONG = 8
# What CLD2 says of short texts is believed of these; of any other language only if py3langid says the same.
_FREQUENT = frozenset(
    {"ar", "bn", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "gu", "he", "hi", "hu", "hy", "id", "it", "ja", "ka"}
    | {"km", "kn", "ko", "lo", "ml", "my", "nl", "no", "pa", "pl", "pt", "ro", "ru", "si", "sv", "ta", "te", "th", "tr"}
    | {"uk", "ur", "vi", "zh"}
)
_RARE = frozenset(
    {"af", "am", "az", "be", "bg", "bs", "ca", "cy", "eo", "et", "eu", "ga", "gl", "hr", "is", "jv", "kk", "ku", "ky"}
    | {"lt", "lv", "mk", "mn", "mr", "ms", "mt", "ne", "ps", "sk", "sl", "sq", "sr", "sw", "tl", "uz", "zu"}
)
# Other codes for the same language.
_SAME = {"iw": "he", "jw": "jv", "nb": "no", "nn": "no", "fil": "tl", "zh-Hant": "zh"}
_NO_WORDS = ("@", "#", "http", "www.", "&", "RT")
_FIRST_OF_NO_WORDS = frozenset(each[0] for each in _NO_WORDS)
# Markup and numbers, pictures and signs of direction, and what CLD2 refuses to read.
_NO_LETTERS = re.compile(
    r"&#?\w+;|[\d_]+"
    "|[\0-\x08\x0b-\x1f\x7f-\x9f\u2000-\u206f\u2190-\u2bff\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f]+"
    "|[\ufffe\uffff\U0001f000-\U0010ffff]+"
)
# The kinds of ASCII that are no letters: numbers, and what cannot be seen. `_words_of` leaves no newline.
_KINDS = np.array(
    [1 if chr(byte) in "0123456789_" else 2 if byte in {*range(9), *range(11, 32), 127} else 0 for byte in range(256)],
    np.uint8,
)


class Evidence(NamedTuple):
    """Of the words of a text: how many belong to one language, and how many of those have each of these bits."""

    telling: Any
    english: Any
    common: Any
    learnt: Any


def identify(batch: Batch, texts: Sequence[str]) -> npt.NDArray[np.object_]:
    """(t,) the language of each text of the batch. `texts` are those that the batch was made of."""
    found = np.empty(len(texts), object)
    found[:] = ENGLISH_CODE
    any_bit = np.bitwise_or.reduceat(batch.flags, batch.starts)
    has_words, other_script = (any_bit & COUNTED) != 0, (any_bit & OTHER_SCRIPT) != 0
    counts = _counts(batch)
    found[~has_words] = UNDETERMINED
    places = np.flatnonzero(has_words & (other_script | ~_is_english(counts)))
    if len(places):
        read = [_words_of(texts[place]) for place in places.tolist()]
        guesses, lead = _bayes().guesses(_letters_of(read))
        sure = np.array([guess == ENGLISH_CODE for guess in guesses]) & (lead >= SURE) & ~other_script[places]
        for each in np.flatnonzero(~sure).tolist():
            place = places[each]
            known = Evidence(*(int(count[place]) for count in counts))
            found[place] = _named(read[each], guesses[each], known, other_script=bool(other_script[place]))
    return found


def _counts(batch: Batch) -> Evidence:
    """The evidence of each text: arrays (t,)."""
    summed = np.add.reduceat(batch.table.evidence[batch.ids], batch.starts)
    return Evidence(*((summed >> shift) & EVIDENCE_MASK for shift in EVIDENCE_SHIFTS))


def _is_english(counts: Evidence) -> npt.NDArray[np.bool_]:
    """(t,) which texts are English by their words alone: the fewer frequent ones, the more must be known."""
    telling, english, common, learnt = counts
    found = (english >= 2) & (10 * learnt >= 4 * telling)
    found |= (english >= 1) & (10 * learnt >= 5 * telling)
    found |= (telling >= 3) & (10 * common >= 6 * telling)
    found |= (telling >= 2) & (10 * common >= 4 * telling) & (20 * learnt >= 13 * telling)
    found |= (telling >= 8) & (10 * common >= 3 * telling) & (20 * learnt >= 9 * telling)
    is_english: npt.NDArray[np.bool_] = found
    return is_english


def _words_of(text: str) -> str:
    """What the language of a text may show in."""
    read = " ".join(
        [
            chunk
            for chunk in text[:MAX_READ].split()
            if chunk[0] not in _FIRST_OF_NO_WORDS or not chunk.startswith(_NO_WORDS)
        ]
    )
    return read.lower() if read.isupper() else read


def _letters_of(read: Sequence[str]) -> list[str]:
    """What py3langid reads of texts: a blank for each run of what is no letter."""
    found = _ascii_letters("\n".join([each[:_ENOUGH] for each in read]))
    for place, each in enumerate(read):
        short = len(found[place]) < MAX_SLOWLY_READ and len(each) > _ENOUGH
        if short or not each.isascii() or "&" in each:
            found[place] = _NO_LETTERS.sub(" ", each)
    return [each[:MAX_SLOWLY_READ] for each in found]


def _ascii_letters(lines: str) -> list[str]:
    """The same of lines; wrong for those that hold markup or what is not ASCII."""
    buffer = np.frombuffer(lines.encode("ascii", "replace"), np.uint8)
    kinds = _KINDS[buffer]
    kept = np.append(True, kinds[1:] != kinds[:-1])[: len(kinds)] | (kinds == 0)
    read: bytes = np.where(kinds, np.uint8(ord(" ")), buffer)[kept].tobytes()
    return read.decode().split("\n")


def _named(read: str, guess: str, evidence: Evidence, *, other_script: bool) -> str:
    """The language of a text that py3langid's `guess` does not decide."""
    named = _cld2(read)
    if named in _FREQUENT:
        return named
    known = evidence.learnt if evidence.english else evidence.common
    if known and 10 * known >= 4 * evidence.telling and not other_script:
        return ENGLISH_CODE
    known = evidence.learnt if evidence.common or evidence.english else 0
    if named == ENGLISH_CODE and 10 * known >= (4 if evidence.telling >= LONG else 7) * evidence.telling > 0:
        return ENGLISH_CODE
    return _SAME.get(guess, guess)


def _cld2(text: str) -> str | None:
    """CLD2's best guess; None if it has none."""
    import pycld2

    try:
        *_, guesses = pycld2.detect(text, bestEffort=True, isPlainText=True)
    except (pycld2.error, UnicodeEncodeError):  # a control character, half a surrogate pair
        *_, guesses = pycld2.detect(_NO_LETTERS.sub(" ", text), bestEffort=True, isPlainText=True)
    code: str = guesses[0][1]
    return None if code == "un" else _SAME.get(code, code)


@cache
def _bayes() -> Bayes:
    """py3langid's model, restricted to languages that posts are written in."""
    return Bayes({*_FREQUENT, *_RARE, *_SAME.values(), *_SAME, ENGLISH_CODE})
