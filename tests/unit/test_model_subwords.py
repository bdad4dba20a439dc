"""Words by their parts, as fastText cuts them, and what people write brought to one form."""

from __future__ import annotations

import random

import numpy as np
import pytest

from model.runtime.lexer import Lexer, Lexica
from model.runtime.normal import normal
from model.runtime.subwords import BUCKETS, LONGEST, MAX_WORD, SHORTEST, Subwords


def fnv(text: str) -> int:
    """FNV-1a on bytes that are signed, as fastText does."""
    value = 2166136261
    for byte in text.encode():
        value ^= byte if byte < 128 else byte | 0xFFFFFF00
        value = value * 16777619 & 0xFFFFFFFF
    return value % BUCKETS


def ngrams(word: str) -> list[str]:
    marked = f"<{word}>"
    return [
        marked[begin : begin + size]
        for begin in range(len(marked))
        for size in range(SHORTEST, LONGEST + 1)
        if begin + size <= len(marked)
    ]


@pytest.mark.parametrize("word", ["love", "x", "über", "naïvely", "日本語です", "bestdayever"])
def test_a_words_sum_is_that_of_its_n_grams(word: str) -> None:
    kept = sorted({fnv(each) for each in ngrams(word)[::2]} | {7, 9_999_999})
    table = np.arange(2.0 * len(kept)).reshape(-1, 2).astype(np.float32) + 1
    sums, counts = Subwords([], np.array(kept, np.int32)).sums([word], table)
    rows = [kept.index(fnv(each)) for each in ngrams(word) if fnv(each) in kept]
    assert counts.tolist() == [len(rows)]
    assert sums[0].tolist() == table[rows].sum(0).tolist()


def test_a_known_word_has_a_row_of_its_own_beside_those_of_its_parts() -> None:
    subwords = Subwords(["love"], np.array(sorted(fnv(each) for each in ngrams("love")), np.int32))
    _, counts = subwords.sums(["love", "love love", "", "q"], np.ones((subwords.rows, 1), np.float32))
    assert counts.tolist() == [1 + len(ngrams("love")), 2 + 2 * len(ngrams("love")), 0, 0]


def test_the_sums_of_many_words_are_those_of_each_alone() -> None:
    rng = random.Random(1)
    words = ["".join(rng.choices("abcdefg<>é日", [9] * 7 + [1] * 4, k=rng.randrange(0, 45))) for _ in range(2000)]
    texts = [" ".join(rng.sample(words, rng.choice((1, 1, 1, 0, 2)))) for _ in range(3000)]
    kept = sorted({fnv(each) for word in words[::3] for each in ngrams(word[:MAX_WORD])[::5]} | {0, BUCKETS - 1})
    subwords = Subwords(words[:50], np.array(kept, np.int32))
    table = np.random.default_rng(1).normal(size=(subwords.rows, 2)).astype(np.float32)
    sums, counts = subwords.sums(texts, table)
    row_of, own = (
        {bucket: 50 + place for place, bucket in enumerate(kept)},
        {word: row for row, word in enumerate(words[:50])},
    )
    for text, found, count in zip(texts, sums, counts, strict=True):
        cut = [word[:MAX_WORD] for word in text.split()]
        rows = [own[word] for word in cut if word in own]
        rows += [row_of[fnv(each)] for word in cut for each in ngrams(word) if fnv(each) in row_of]
        assert count == len(rows)
        np.testing.assert_allclose(found, table[rows].sum(0), atol=1e-5)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("isn`t", "isn't"),
        ("didn‘t", "didn't"),
        ("wasn＇t", "wasn't"),
        ("𝗕𝗮𝗱", "Bad"),
        ("ｂａｄ", "bad"),
        ("hаte", "hate"),  # with a Cyrillic letter
        ("лучше", "лучше"),
        ("❤\ufe0f", "❤"),
        ("👍🏽", "👍"),
        ("a\u200bb\u00adc", "abc"),
        ("caf\u0065\u0301", "café"),
        ("q\u0301\u0302", "q"),
        ("&lt;3", "<3"),
        ("good<br/>", "good"),
        ("<b>good</b>", "good"),
        ("a<b", "a<b"),
    ],
)
def test_what_people_write_in_several_ways_is_read_in_one(written: str, read: str) -> None:
    assert normal(written) == read


def test_a_hashtag_without_capitals_is_split_into_common_words() -> None:
    common = {word: rank for rank, word in enumerate(("the", "day", "best", "ever", "a", "i"))}
    lexer = Lexer(Lexica({"best": 3.0}, {}, {}, common), str, {})
    lexer.ids(["#bestdayever #qzxw #theday"])
    assert {"#bestdayever", "best", "day", "ever", "#theday", "qzxw"} <= set(lexer.keys)
