"""Phrases, and what a negator denies: a fault, a merit, or nothing at all."""

from __future__ import annotations

import numpy as np
import pytest

from model.runtime.features import SAID_BEFORE_BUT, Batch, dense
from model.runtime.lexer import Lexer
from model.training import lexica

WORDS = lexica.load()


def read(*texts: str) -> tuple[Lexer, Batch]:
    lexer = Lexer(WORDS, str, {})
    return lexer, Batch(lexer.ids(texts), lexer.table)


def keys_of(text: str) -> list[str]:
    lexer, batch = read(text)
    return [lexer.keys[token] for token in batch.ids][1:]


def compound_of(text: str) -> float:
    return float(dense(read(text)[1])["compound"][0])


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("you are killing it today", ["you", "are", "<praise>", "today"]),
        ("KILLED IT!", ["<praise>", "!"]),
        ("I'm fed up with this", ["im", "<scorn>", "with", "this"]),
        ("can’t wait", ["<praise>"]),
        ("cant wait", ["<praise>"]),
        ("#FedUp", ["#fedup", "<scorn>"]),
        ("kill it. it kills me", ["kill", "it", ".", "it", "kills", "me"]),
        ("fed. up", ["fed", ".", "up"]),
    ],
)
def test_a_phrase_becomes_one_token(text: str, keys: list[str]) -> None:
    assert keys_of(text) == keys


def test_a_phrase_does_not_reach_from_one_text_into_the_next() -> None:
    lexer, batch = read("I fed", "up")
    assert [lexer.keys[token] for token in batch.ids if token] == ["i", "fed", "up"]


def test_of_phrases_that_begin_alike_the_longest_is_found() -> None:
    assert keys_of("sick and tired of it") == ["<scorn>", "of", "it"]
    assert keys_of("not half bad") == ["<praise>"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("it is not boring", "<denied fault>"),
        ("it is not a boring film", "<denied fault>"),
        ("it is not nice", "<denied merit>"),
        ("never been happier", "<utmost>"),
        ("nobody plays better", "<utmost>"),
        ("nothing but joy", "<utmost>"),
        ("it is not blue", "not"),
        ("not today, horrible weather", "not"),
        ("not today. horrible", "not"),
        ("not today 😡", "not"),
    ],
)
def test_a_negator_is_known_by_what_it_denies(text: str, key: str) -> None:
    negators = {"<denied fault>", "<denied merit>", "<utmost>", "not", "never", "nothing", "nobody"}
    assert [found for found in keys_of(text) if found in negators] == [key]


def test_the_utmost_keeps_the_sign_of_its_word() -> None:
    assert compound_of("couldn't be happier") > 0 > compound_of("couldn't be sadder")
    assert compound_of("not happy") < 0 < compound_of("not sad")


def test_a_comma_ends_what_is_denied() -> None:
    assert compound_of("not now, great") > 0 > compound_of("not great")


def test_a_face_is_not_denied() -> None:
    assert compound_of("not today 😡") < 0


def test_words_before_a_contrast_count_less() -> None:
    _, batch = read("I love it but the sound breaks", "no contrast here", "nothing but rain")
    emphasis = np.split(batch.emphasis, batch.starts[1:])
    assert set(emphasis[0][:4]) == {np.float32(SAID_BEFORE_BUT)}
    assert set(emphasis[0][4:]) == {1.0}
    assert set(emphasis[1]) == set(emphasis[2]) == {1.0}
