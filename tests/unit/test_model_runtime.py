from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.runtime import LABELS, Scorer, chunks
from model.runtime import lexer as lexing
from model.runtime.features import Batch, dense
from model.runtime.lexer import Lexer
from model.training import fitting, lexica
from tests.model_rows import a_scorer, plain_rows


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return a_scorer(tmp_path_factory.mktemp("bundle"))


def features_of(text: str) -> dict[str, float]:
    lexer = Lexer(lexica.load(), str, {})
    batch = Batch(lexer.ids([text]), lexer.table)
    return {name: float(values[0]) for name, values in dense(batch).items()}


def keys_of(text: str) -> list[str]:
    lexer = Lexer(lexica.load(), str, {})
    return [lexer.keys[token] for token in lexer.ids([text])][1:]


def test_a_word_of_feeling_decides(scorer: Scorer) -> None:
    assert list(scorer.score(["I love it", "I hate it", "the table"]).sentiment) == ["positive", "negative", "neutral"]


def test_polarity_is_the_chance_of_positive_minus_that_of_negative(scorer: Scorer) -> None:
    scores = scorer.score(["I love it", "I hate it"])
    assert scores.polarity[0] > 0.3 > -0.3 > scores.polarity[1]
    assert ((scores.confidence > 1 / 3) & (scores.confidence <= 1)).all()


@pytest.mark.parametrize(
    "odd",
    [
        None,
        float("nan"),
        pd.NA,
        "",
        " \n\t ",
        "\x00",
        "a\x00b",
        "\ud800",
        "\u200f",
        "🙂" * 500,
        7,
        b"x",
        "a" * 50_000,
        "&#;&",
    ],
)
def test_nothing_that_a_stream_may_hold_is_refused(scorer: Scorer, odd: object) -> None:
    scores = scorer.score(["I love it", odd, "I hate it"])
    assert list(scores.sentiment[[0, 2]]) == ["positive", "negative"]
    assert np.isfinite(scores.polarity).all()
    assert scores.sentiment[1] in LABELS


def test_no_texts_give_no_rows(scorer: Scorer) -> None:
    assert len(scorer.score([]).polarity) == 0


def test_a_text_is_scored_the_same_alone_and_among_others(scorer: Scorer) -> None:
    texts = [row.text for row in plain_rows()] + ["not good!", "BUT why? :)", "", "so sad… @you http://x.y/z #NotHappy"]
    together = scorer.score(texts).polarity
    alone = np.array([scorer.score([text]).polarity[0] for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_full_cache_is_emptied_without_changing_a_score(scorer: Scorer, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["I love this", "what an awful day", "new words here"]
    before = scorer.score(texts).polarity
    monkeypatch.setattr(lexing, "CHUNKS_KEPT", 1)
    np.testing.assert_array_equal(scorer.score(texts).polarity, before)


def test_texts_are_split_where_str_split_would() -> None:
    blanks = "".join(character for character in map(chr, range(0x110000)) if character.isspace())
    assert set(chunks.BLANKS) == set(blanks)
    texts = [f"{blank}one{blank}{blank}two\u200bé" for blank in blanks] + ["", " ", "日本 😀", "\ud800 \x7f\x80"]
    found = chunks.split(texts)
    expected = [chunk for text in texts for chunk in (chunks.SEPARATOR, *text.split())]
    assert [found[place] for place in range(len(found.starts))] == expected


def test_chunks_of_any_length_are_told_apart() -> None:
    endings = ["abcdefg"[:length] for length in range(1, 8)]
    words = [stem * "x" + ending for stem in range(70) for ending in endings] + [
        "é" * length for length in range(1, 50)
    ]
    distinct = sorted(set(words))
    keys = chunks.split([" ".join(distinct * 2)]).keys(np.uint64(7))[1:]
    assert len(set(keys.tolist())) == len(distinct)
    assert (keys[: len(distinct)] == keys[len(distinct) :]).all()


def test_the_table_of_chunks_grows_and_finds_them_all() -> None:
    known = chunks.Known()
    keys = np.arange(100_000, dtype=np.uint64) << np.uint64(48)
    keys |= np.arange(100_000, dtype=np.uint64)
    for part in range(0, 100_000, 9999):
        known.add(keys[part : part + 9999], np.arange(part, min(part + 9999, 100_000)))
    assert (known.runs(keys) == np.arange(100_000)).all()
    assert (known.runs(keys + np.uint64(1 << 40)) == chunks.UNKNOWN).all()


def test_addresses_and_mentions_that_are_met_once_are_not_kept() -> None:
    lexer = Lexer(lexica.load(), str, {})
    lexer.ids(["good @first http://a.b"])
    before = lexer.kept
    lexer.ids([f"good @reader{number} https://t.co/{number}" for number in range(100)])
    assert lexer.kept == before == 1


def test_a_picture_that_stands_alone_is_what_it_is_beside_another_sign() -> None:
    lexer = Lexer(lexica.load(), str, {})
    signs = [chr(code) for code in (*range(0x2600, 0x27C0), *range(0x1F300, 0x1FB00))]
    alone = [lexer.ids([sign + "\ufe0f"]).tolist() for sign in signs]
    beside = [lexer.ids([sign + "!"]).tolist()[:-1] for sign in signs]
    assert alone == beside


def test_a_name_in_any_script_is_one_mention() -> None:
    assert keys_of("@naïve @日本 @हिन्दी @_a1 @2b @abcdefghijklmnopqrst") == ["<user>"] * 6


def test_the_tables_say_what_the_regression_says(tmp_path: Path) -> None:
    rows = plain_rows()
    made = fitting.design([row.text for row in rows], lexica.load())
    fitted = fitting.regression(0.5).fit(made.matrix, fitting.labels(rows), sample_weight=fitting.weights(rows))
    scores = a_scorer(tmp_path).score([row.text for row in rows])
    chances = fitted.predict_proba(made.matrix)
    np.testing.assert_allclose(scores.polarity, chances[:, 2] - chances[:, 0], atol=1e-4)


def test_negation_turns_a_valence_within_its_sentence() -> None:
    assert features_of("good")["max"] > 0 > features_of("not good")["min"]
    assert features_of("not now. good")["max"] > 0


def test_what_strengthens_does_not_reach_into_the_next_text() -> None:
    lexer = Lexer(lexica.load(), str, {})
    batch = Batch(lexer.ids(["this is very", "good", "not", "good"]), lexer.table)
    good = features_of("good")["max"]
    assert list(dense(batch)["max"]) == [0, good, 0, good]


def test_negation_reaches_four_words() -> None:
    assert features_of("not one two three good")["min"] < 0
    assert features_of("not one two three four good")["min"] == 0


def test_capitals_boosters_and_exclamation_marks_strengthen() -> None:
    plain = features_of("this is good")["compound!"]
    assert features_of("this is GOOD")["compound!"] > plain
    assert features_of("this is very good")["compound!"] > plain
    assert features_of("this is good!!!")["compound!"] > plain


def test_what_follows_but_counts_more() -> None:
    assert (
        features_of("great song but awful sound")["compound"]
        < 0
        < features_of("awful sound but great song")["compound"]
    )


def test_emoji_and_emoticons_are_kept() -> None:
    assert features_of("😀")["glad faces"] > 0 > features_of(":(")["sad faces"]
    assert features_of("well:)")["glad faces"] > 0


def test_addresses_mentions_and_numbers_become_constants() -> None:
    assert keys_of("@some_one http://a.b/c?d=1 42%") == ["<user>", "<url>", "<num>"]
    assert keys_of("www.example.com") == ["<url>"]


def test_hashtags_are_taken_apart_and_elongations_shortened() -> None:
    assert keys_of("#BlueHouse") == ["#bluehouse", "blue", "house"]
    assert keys_of("sooooo goooood") == ["so", "good"]


def test_character_references_are_resolved() -> None:
    assert keys_of("you&amp;me") == ["you", "me"]


def test_an_explanation_names_the_words_that_decided(scorer: Scorer) -> None:
    terms = dict(scorer.explain("the coffee was awful today"))
    assert min(terms, key=lambda term: terms[term]) == "awful"
    assert terms["awful"] < -0.1


def test_topics_cannot_tell_labels_after_weighting() -> None:
    from tests.model_rows import a_row

    rows = [a_row(text=f"car {n}", label="neutral", topic="driverless") for n in range(80)]
    rows += [a_row(text=f"bad car {n}", label="negative", topic="driverless") for n in range(20)]
    rows += [a_row(text=f"good car {n}", label="positive", topic="driverless") for n in range(20)]
    weights = fitting.weights(rows)
    masses = np.bincount(fitting.labels(rows), weights)
    np.testing.assert_allclose(masses, masses.mean())


def test_a_stream_has_more_that_is_neutral_and_less_that_is_negative_than_balanced_classes() -> None:
    negative, neutral, positive = fitting.leaning()
    assert negative < 0 < positive < neutral
    assert not fitting.leaning(0.0).any()


def test_the_leaning_is_folded_into_the_tables(tmp_path: Path) -> None:
    rows = plain_rows()
    made = fitting.design([row.text for row in rows], lexica.load())
    fitted = fitting.regression(0.5).fit(made.matrix, fitting.labels(rows), sample_weight=fitting.weights(rows))
    level, _ = fitting.tables(fitted, made, fitting.Calibration(2.0, (0.0, 0.0, 0.0)))
    leaning, _ = fitting.tables(fitted, made, fitting.Calibration(2.0, (-1.0, 0.5, 0.25)))
    np.testing.assert_allclose(
        leaning["bias"].astype(float) - level["bias"].astype(float), [-1.0, 0.5, 0.25], atol=1e-5
    )
