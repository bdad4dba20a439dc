"""The language of each text, as an ISO 639 code of two or three letters; `und` for a text without words.

Most English texts are recognised by their words, which the lexer has looked up anyway. Only the others are given to
CLD2, which is fast and recognises most languages, but calls short texts of other languages English; where it says so
of a text with few English words, or names a rare language, py3langid decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .features import Batch
from .tokens import COUNTED, EVIDENCE_MASK, EVIDENCE_SHIFTS, OTHER_SCRIPT

UNDETERMINED = "und"
ENGLISH_CODE = "en"
# Characters in which a text's language shows; py3langid takes half a microsecond for each.
MAX_READ, MAX_SLOWLY_READ = 1000, 48
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
# Markup and numbers, pictures and signs of direction, and what CLD2 refuses to read.
_NO_LETTERS = re.compile(
    r"&#?\w+;|[\d_]+"
    "|[\0-\x08\x0b-\x1f\x7f-\x9f\u2000-\u206f\u2190-\u2bff\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f]+"
    "|[\ufffe\uffff\U0001f000-\U0010ffff]+"
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
    evidence = zip(*(each[places].tolist() for each in (other_script, *counts)), strict=True)
    for place, (other, *known) in zip(places.tolist(), evidence, strict=True):
        found[place] = _named(texts[place], Evidence(*known), other_script=other)
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


def _named(text: str, evidence: Evidence, *, other_script: bool) -> str:
    """The language of a text that its words did not decide."""
    read = " ".join(chunk for chunk in text[:MAX_READ].split() if not chunk.startswith(_NO_WORDS))
    if read.isupper():
        read = read.lower()
    named = _cld2(read)
    if named in _FREQUENT:
        return named
    known = evidence.learnt if evidence.english else evidence.common
    if known and 10 * known >= 4 * evidence.telling and not other_script:
        return ENGLISH_CODE
    known = evidence.learnt if evidence.common or evidence.english else 0
    if named == ENGLISH_CODE and 10 * known >= (4 if evidence.telling >= LONG else 7) * evidence.telling > 0:
        return ENGLISH_CODE
    return _langid(_NO_LETTERS.sub(" ", read)[:MAX_SLOWLY_READ])


def _cld2(text: str) -> str | None:
    """CLD2's best guess; None if it has none."""
    import pycld2

    try:
        *_, guesses = pycld2.detect(text, bestEffort=True, isPlainText=True)
    except (pycld2.error, UnicodeEncodeError):  # a control character, half a surrogate pair
        *_, guesses = pycld2.detect(_NO_LETTERS.sub(" ", text), bestEffort=True, isPlainText=True)
    code: str = guesses[0][1]
    return None if code == "un" else _SAME.get(code, code)


def _langid(text: str) -> str:
    code: str = _langid_model().classify(text)[0]
    return _SAME.get(code, code)


@cache
def _langid_model() -> Any:
    """py3langid restricted to languages that posts are written in; loading takes half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    model = LanguageIdentifier.from_model_file(MODEL_FILE)
    model.set_languages({*_FREQUENT, *_RARE, *_SAME.values(), *_SAME, ENGLISH_CODE} & set(model.labels))
    return model
