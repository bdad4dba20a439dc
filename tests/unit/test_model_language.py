"""The language of a text: twenty languages, and English as it is written in tweets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from py3langid import langid

from deploy.local.datasets import FOLDER
from harness.bench.texts import unseen_words
from model import dataset
from model.champion import Champion
from model.runtime import Scorer, language, scorer
from model.runtime.bayes import Bayes
from model.score import results, table
from model.settings import Settings
from model.training import fitting, lexica, nade
from tests.model_rows import a_bundle, plain_rows
from tests.texts_in_languages import TEXTS_BY_LANGUAGE

EVERY_TEXT = [(language, text) for language, texts in TEXTS_BY_LANGUAGE.items() for text in texts]
DATA = Settings("sqlite:////none", None, FOLDER)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A scorer with the word lists of a real training, and the weights of a small one."""
    folder = tmp_path_factory.mktemp("bundle")
    words = lexica.load(nade.load(DATA.emoji).words)
    rows = plain_rows()
    made = fitting.design([row.text for row in rows], words)
    fitted = fitting.regression(0.5).fit(made.matrix, fitting.labels(rows), sample_weight=fitting.weights(rows))
    arrays, vocabulary = fitting.tables(fitted, made, fitting.Calibration(1.0, (0.0, 0.0, 0.0)))
    scorer.save(folder, arrays, vocabulary, words)
    return Scorer.load(folder)


def test_texts_in_twenty_languages_are_recognised(trained: Scorer) -> None:
    found = trained.columns([text for _, text in EVERY_TEXT])["language"]
    wrong = [
        (language, other, text) for (language, text), other in zip(EVERY_TEXT, found, strict=True) if language != other
    ]
    assert len(TEXTS_BY_LANGUAGE) == 20
    assert len(wrong) <= 0.03 * len(EVERY_TEXT), wrong


def test_of_english_tweets_at_most_one_in_fifty_is_taken_for_another_language(trained: Scorer) -> None:
    tweets = [row.text for row in dataset.labelled(DATA.archive, games=DATA.games)[0] if row.source != "nyt"][::10]
    found = trained.columns(tweets)["language"]
    held_back = [text for text, language in zip(tweets, found, strict=True) if language not in ("en", "und")]
    assert len(tweets) > 4000
    assert len(held_back) <= 0.02 * len(tweets), held_back[:20]


@pytest.mark.parametrize(
    "text", ["", "👍", "😂😂", "lol", "hahaha 😂", "@someone http://t.co/x #MondayMood", "12:30", "omg!!!", "\x00"]
)
def test_a_text_without_words_has_no_language(trained: Scorer, text: str) -> None:
    assert list(trained.columns([text])["language"]) == ["und"]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Schönes Wetter heute, endlich #ThrowBackThursday #LoveMyLife", "de"),
        ("@jose qué partido tan malo, no puedo creerlo http://t.co/abc 😡", "es"),
        ("so true lol 😂 cant wait 4 it", "en"),
        ("Das Wetter ist \ud83d heute schön", "de"),
        ("Das ist\x92 heute aber \ufffe wirklich schön", "de"),
        ("今日は楽しかった", "ja"),
        ("ТАКАЯ ПОГОДА СЕГОДНЯ", "ru"),
    ],
)
def test_what_is_no_word_does_not_count(trained: Scorer, text: str, language: str) -> None:
    assert list(trained.columns([text])["language"]) == [language]


def test_a_text_has_the_same_language_in_any_company(trained: Scorer) -> None:
    texts = [text for _, text in EVERY_TEXT[::7]]
    together = list(trained.columns(texts)["language"])
    assert [trained.columns([text])["language"][0] for text in texts] == together
    assert len(trained.columns([])["language"]) == 0


def test_py3langid_says_of_many_texts_what_it_says_of_each() -> None:
    texts = [text[:48] for _, text in EVERY_TEXT] + [
        "",
        "!!",
        "\ud800 x",
        "TOUT EN MAJUSCULES ÉTÉ",
        "e\u0301te\u0301 " * 9,
    ]
    alone = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    codes = ["en", "de", "fr", "es", "ja", "ru", "sr", "nn", "nb", "zh", "pt"]
    alone.set_languages(set(codes) & set(alone.labels))
    guesses = Bayes(codes).guesses(texts * 3)
    assert guesses.codes == [alone.classify(text)[0] for text in texts] * 3
    leads = []
    for text in texts:
        first, second, *_ = (score for _, score in alone.rank(text))
        leads.append(first - second)
    np.testing.assert_allclose(guesses.lead[: len(texts)], leads, atol=1e-3)


def test_what_is_read_of_many_texts_is_what_is_read_of_each() -> None:
    texts = [
        "one 22 three_4\x01\x02 5\x036",
        "a&amp;b c",
        "é 1 " * 40,
        "1" * 300 + " end",
        "",
        "😀 fine 12",
        "x" * 200,
        "_",
    ]
    assert language._letters_of(texts) == [language._NO_LETTERS.sub(" ", text)[:48] for text in texts]
    for text in texts:
        assert language._letters_of([text]) == [language._NO_LETTERS.sub(" ", text)[:48]]


def test_what_one_identifier_is_sure_is_english_no_other_is_asked_for(
    trained: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(language, "_cld2", asked.append)
    texts = [unseen_words(text, number) for number, (code, text) in enumerate(EVERY_TEXT) if code == "en"]
    assert list(trained.columns(texts)["language"]) == ["en"] * len(texts)
    assert len(asked) < 0.3 * len(texts)


def test_the_command_gives_no_sentiment_where_the_model_does_not_serve_the_language(tmp_path: Path) -> None:
    champion = Champion("3", Scorer.load(a_bundle(tmp_path)))
    english, german, none = results(champion, ["I love the phone, it is great", "Das Wetter ist heute schön", "👍"])
    assert (english["language"], english["sentiment"], english["unscored_reason"]) == ("en", "positive", None)
    assert (german["language"], german["sentiment"], german["polarity"]) == ("de", None, None)
    assert (german["model_version"], german["unscored_reason"], german["terms"]) == ("3", "unsupported_language", [])
    assert (none["language"], none["unscored_reason"]) == ("und", None)
    assert none["sentiment"] is not None
    assert "language de is not served" in table([german], "3", explain=True)


def test_a_version_from_before_languages_were_identified_serves_every_text(tmp_path: Path) -> None:
    class Former:
        def columns(self, texts: list[str]) -> dict[str, list[object]]:
            return {"sentiment": ["neutral"], "polarity": [0.0], "confidence": [0.5]}

        def explain(self, text: str) -> list[tuple[str, float]]:
            return []

    found = results(Champion("1", Former()), ["Das Wetter ist heute schön"])  # type: ignore[arg-type]
    assert [(each["language"], each["sentiment"]) for each in found] == [("und", "neutral")]
