from __future__ import annotations

from pathlib import Path

import pytest

from model.next_word import (
    END,
    START,
    UNKNOWN,
    LanguageModel,
)

TEXTS = ["I am happy today", "I am tired", "I am happy", "you are happy", "I am here @you http://x.y"] * 4


def test_the_most_frequent_follower_comes_first() -> None:
    model = LanguageModel.learn(TEXTS)
    assert model.next_words("I am")[0][0] == "happy"
    assert model.next_words("well, I")[0][0] == "am"


@pytest.mark.parametrize("before", ["am", START, "happy", "neverseen"])
def test_the_chances_after_a_word_sum_to_one(before: str) -> None:
    model = LanguageModel.learn(TEXTS)
    words = {*model.unigrams, END, UNKNOWN}
    assert sum(model.probability(before, word) for word in words) == pytest.approx(1, abs=0.02)


def test_knowing_the_word_before_helps() -> None:
    bigram, unigram = LanguageModel.learn(TEXTS).perplexity(["I am happy", "you are tired"])
    assert bigram < unigram


def test_a_stored_model_predicts_the_same(tmp_path: Path) -> None:
    model = LanguageModel.learn(TEXTS)
    again = LanguageModel.load(model.save(tmp_path))
    assert again.next_words("you") == model.next_words("you")


def test_a_word_never_met_still_has_a_next_one() -> None:
    assert len(LanguageModel.learn(TEXTS).next_words("xylophone", most=3)) == 3
