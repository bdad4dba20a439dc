"""Which texts a model version scores: those in the languages that it serves, and those without words.

The event's `lang` counts where it is sound; otherwise the language is what the model's own code makes of the text.
"""

from __future__ import annotations

import re
from functools import cache

import pandas as pd

from streaming.scoring.archive import EVERY, UNDETERMINED, Model, score_texts

UNSUPPORTED = "unsupported_language"

_SUBTAG = re.compile(r"[A-Za-z]{2,3}(?=$|[-_])")
# Several languages, none, or one without a code: the tag says nothing.
_NO_LANGUAGE = frozenset({"und", "mul", "mis", "zxx"})
_SAME = {"iw": "he", "in": "id", "jw": "jv", "nb": "no", "nn": "no", "fil": "tl", "cmn": "zh", "eng": "en"}


@cache
def primary(tag: str | None) -> str | None:
    """The code of a language tag's language in lower case (`pt-BR` to `pt`); None if it is no tag or names none."""
    found = _SUBTAG.match(tag.strip()) if tag else None
    code = found[0].lower() if found else None
    return None if code in _NO_LANGUAGE else _SAME.get(code or "", code)


def judged(model: Model, texts: pd.Series, tags: pd.Series | None = None) -> pd.DataFrame:
    """One row for each text, with the columns of `score_texts` and unscored_reason; nulls for a null text.

    `tags`: what the events say of their languages. A text in a language that the model does not serve has no sentiment,
    but a reason.
    """
    scores = score_texts(model.predict, texts)
    if tags is not None and tags.notna().any():
        given = tags.reset_index(drop=True).where(scores["language"].notna()).map(primary, na_action="ignore")
        scores["language"] = given.where(given.notna(), scores["language"])
    scores["unscored_reason"] = None
    if EVERY in model.languages:
        return scores
    unserved = scores["language"].notna() & ~scores["language"].isin({UNDETERMINED, *model.languages})
    scores.loc[unserved, ["sentiment", "unscored_reason", "scored_by"]] = [None, UNSUPPORTED, None]
    scores.loc[unserved, ["polarity", "confidence"]] = float("nan")
    return scores
