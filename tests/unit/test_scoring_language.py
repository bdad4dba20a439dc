"""Which texts a version scores, by their languages."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pytest

from streaming.scoring.archive import Model
from streaming.scoring.language import judged, primary

KNOWN = {"hello": "en", "hallo": "de", "👍": "und"}


def predict(texts: Sequence[str]) -> pd.DataFrame:
    """Finds everything fine, in languages that it knows by heart."""
    return pd.DataFrame(
        {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9, "language": [KNOWN[text] for text in texts]}
    )


ENGLISH = Model(predict, frozenset({"en"}))


def told(model: Model, texts: list[str | None], tags: list[str | None] | None = None) -> list[tuple[object, ...]]:
    """Language, sentiment and reason of each text."""
    given = None if tags is None else pd.Series(tags, dtype=object)
    found = judged(model, pd.Series(texts, dtype=object), given)
    assert found["polarity"].notna().tolist() == found["sentiment"].notna().tolist()
    columns = found[["language", "sentiment", "unscored_reason"]].astype(object)
    return [tuple(row) for row in columns.where(columns.notna(), None).itertuples(index=False)]


def test_a_text_in_a_language_that_the_model_does_not_serve_has_a_reason_and_no_sentiment() -> None:
    assert told(ENGLISH, ["hello", "hallo", "hello"]) == [
        ("en", "positive", None),
        ("de", None, "unsupported_language"),
        ("en", "positive", None),
    ]


def test_a_text_without_words_is_scored_and_a_missing_text_has_nothing() -> None:
    assert told(ENGLISH, ["👍", None]) == [("und", "positive", None), (None, None, None)]


def test_what_the_event_says_of_its_language_counts_before_what_the_model_finds() -> None:
    texts: list[str | None] = ["hallo", "hello", "hello", "hallo", None]
    assert told(ENGLISH, texts, ["en-GB", "de", None, "no language", "en"]) == [
        ("en", "positive", None),
        ("de", None, "unsupported_language"),
        ("en", "positive", None),
        ("de", None, "unsupported_language"),
        (None, None, None),
    ]


def test_a_model_serves_the_languages_that_it_names_or_all() -> None:
    assert told(Model(predict, frozenset({"en", "de"})), ["hallo"]) == [("de", "positive", None)]
    assert told(Model(predict, frozenset({"*"})), ["hallo"]) == [("de", "positive", None)]


def test_a_model_that_tells_no_languages_apart_scores_everything() -> None:
    former = Model(lambda texts: predict(texts).drop(columns="language"))
    assert told(former, ["hello", "hallo"], [None, "de"]) == [("und", "positive", None), ("de", "positive", None)]


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("pt-BR", "pt"),
        ("zh_Hant_TW", "zh"),
        ("EN-us", "en"),
        ("iw", "he"),
        ("nb", "no"),
        ("fil-PH", "tl"),
        ("und", None),
        ("mul", None),
        ("english", None),
        ("e", None),
        ("", None),
        ("🇩🇪", None),
        (None, None),
    ],
)
def test_a_language_tag_names_its_language_or_nothing(tag: str | None, code: str | None) -> None:
    assert primary(tag) == code
