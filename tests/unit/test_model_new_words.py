"""Words that were never met: all of a batch at once are the tokens that each would be alone."""

from __future__ import annotations

import random
import re
import string
from math import inf, log

import numpy as np
import pytest
import Stemmer

from deploy.local.datasets import FOLDER
from model.runtime import lexer as lexing
from model.runtime import new_words
from model.runtime.hashtags import MAX_PART, PART_PRICE, Hashtags
from model.runtime.lexer import Lexer
from model.runtime.new_words import Words
from model.runtime.tokens import Ints
from model.settings import Settings
from model.training import lexica, nade

LISTS = lexica.load(nade.load(Settings("sqlite:////none", None, FOLDER).emoji).words)
_RULES = (
    "s ed eed eedly ing ingly er est ness ful fully ies y ation ational ization izer ment able ably ible ive iveness "
    "ous ously ism ist ogist ogy logy ity iviti ize al ally ical ance ant ence ent e i li lessly ought ighted sses "
    "tically n't 's 're 'll ... !! ?? ?! ! , . ) \" ') :) :-( ,\" .) -ing /and 2015 's, '.."
)
ENDS = ("", *_RULES.split())
STARTS = ('"', "(", "#", "@", "$", "-", "..", "...", "'", "http", "www", "&", "no", ":", "!!", "_")
LAUGHTER = "ahejksrikwzxdlo"


class NoList:
    """Takes the place of NewWords: knows no word, so that each is taken apart alone."""

    def unknown(self, words: list[str], flags: Ints) -> Words:
        nothing = np.zeros(0, np.int32)
        return Words(np.zeros(0, np.intp), [], [], nothing, np.zeros(0, np.uint32), nothing)


def a_lexer() -> Lexer:
    return Lexer(LISTS, Stemmer.Stemmer("english").stemWord, {"wonder": 1, "nanomachin": 2, "zorgl": 3})


def tokens_of(lexer: Lexer, texts: list[str]) -> list[tuple[object, ...]]:
    """What is known of each token of the texts."""
    ids, table = lexer.ids(texts), lexer.table
    columns = (table.flags, table.hashes, table.rows, table.in_phrases, table.evidence, *table.numbers)
    known = zip(*(column[ids].tolist() for column in columns), strict=True)
    return [(lexer.keys[token], lexer.surfaces[token], *rest) for token, rest in zip(ids, known, strict=True)]


def made_up(rng: random.Random) -> str:
    """A word that nobody wrote, with an end that a rule or the stemmer may know, perhaps in a frame of signs."""
    syllables = [rng.choice("bcdfgklmnprstvz") + rng.choice("aeiouy") for _ in range(rng.randrange(1, 5))]
    word = "".join(syllables) + rng.choice(["", rng.choice("bdfklmnprtx")]) + rng.choice(ENDS)
    frame = rng.choice(STARTS) if rng.random() < 0.1 else ""
    return frame + rng.choice((str, str, str, str.upper, str.capitalize))(word)


def hostile_texts() -> list[str]:
    rng = random.Random(1)
    texts = [" ".join(made_up(rng) for _ in range(rng.randrange(1, 20))) for _ in range(3000)]
    texts += [" ".join("".join(rng.choices(LAUGHTER, k=rng.randrange(1, 9))) for _ in range(12)) for _ in range(500)]
    signs = string.printable[:94] + "éß日😀’\x85\u3000"
    texts += [" ".join("".join(rng.choices(signs, k=rng.randrange(1, 8))) for _ in range(12)) for _ in range(1000)]
    texts += ["wonders zorgling nanomachines", "RT rt Rt", "", "\ud800zorgl zorgl\ud800", "@2b @_ @a-b @" + "x" * 20]
    return [
        *texts,
        "a." * 5_000,
        "x" * 40,
        "x" * 41,
        "ab" * 20,
        "ab" * 21,
        "ab" * 200,
        "ab" * 201,
        "ab" * 201 + "!",
        "@" + "ab" * 300,
    ]


@pytest.fixture(scope="module")
def expected() -> list[tuple[object, ...]]:
    alone = a_lexer()
    alone._new_words = NoList()  # type: ignore[assignment]
    return tokens_of(alone, hostile_texts())


def test_words_of_a_batch_are_what_each_is_alone(expected: list[tuple[object, ...]]) -> None:
    assert tokens_of(a_lexer(), hostile_texts()) == expected


def test_words_in_small_batches_are_what_they_are_in_one(expected: list[tuple[object, ...]]) -> None:
    lexer, texts = a_lexer(), hostile_texts()
    assert [
        token for begin in range(0, len(texts), 100) for token in tokens_of(lexer, texts[begin : begin + 100])
    ] == expected


def test_a_word_between_signs_is_what_the_pattern_reads(
    expected: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexing, "_FRAMED", re.compile("(?!)"))
    assert tokens_of(a_lexer(), hostile_texts()) == expected


def test_most_words_that_were_never_met_are_not_taken_apart_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lexer, alone = a_lexer(), []
    monkeypatch.setattr(lexer, "_new_word", lambda word, _flags: alone.append(word) or 0)
    lexer.ids([f"qorb{end}x Qorb{end}x, qorb{end}x... (qorb{end}x)" for end in string.ascii_lowercase])
    assert not alone


def test_a_word_whose_end_the_stemmer_never_changes_is_its_own_stem() -> None:
    rng = random.Random(1)
    made = {re.sub("[^a-z]", "", made_up(rng).lower()) for _ in range(20_000)}
    made |= {"".join(rng.choices("aeiouylstndr", k=rng.randrange(2, 9))) for _ in range(20_000)}
    words = [word for word in {*made, *LISTS.common, *LISTS.valence} if re.fullmatch("[a-z]{2,40}", word)]
    changed = [word for word in words if Stemmer.Stemmer("english").stemWord(word) != word]
    assert len(changed) > 10_000
    assert new_words._Shape("\n".join(changed)).stemmed.all()


def test_a_hashtag_is_split_in_the_cheapest_way() -> None:
    common = {word: rank for rank, word in enumerate(("the", "day", "best", "ever", "a", "i", "bed", "beday", "st"))}

    def cheapest(name: str) -> list[str]:
        """Every way, tried one after the other."""
        best: dict[int, tuple[float, list[str]]] = {0: (0.0, [])}
        for end in range(1, len(name) + 1):
            ways = [
                (best[begin][0] + log(2 + common[name[begin:end]]) + PART_PRICE, begin)
                for begin in range(max(0, end - MAX_PART), end)
                if best[begin][0] < inf and name[begin:end] in common and (end - begin > 1 or name[begin] in "ai")
            ]
            cost, begin = min(ways, default=(inf, end))
            best[end] = (cost, [*best[begin][1], name[begin:end]] if ways else [])
        return best[len(name)][1] or [name]

    rng = random.Random(1)
    names = ["".join(rng.choices([*common, "x"], [*[9] * len(common), 1], k=rng.randrange(2, 7))) for _ in range(500)]
    names = [name for name in names if 5 < len(name) <= 40 and name not in common]
    assert [Hashtags(common).split(name) for name in names] == [cheapest(name) for name in names]
