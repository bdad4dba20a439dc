"""The word lists that the features start from, read from the installed package vaderSentiment (MIT).

Not used: AFINN (ODbL) and the Emoji Sentiment Ranking (CC BY-SA), because a model made with them would have to be
shared alike; the lexicon inside TextBlob (public domain), because it gained nothing in cross-validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from model.runtime.lexer import Lexica
from model.training import phrases

# VADER describes these in words without valence, so their valences are set here.
EXTRA_EMOJI = {"❤": 2.5, "👍": 1.8, "👎": -1.8, "💔": -2.0, "🔥": 1.0, "🎉": 2.0, "💯": 1.5, "🙄": -1.2}
EXTRA_EMOJI |= dict.fromkeys("😡🤬🤮😠👿💩🖕🤡", -2.5) | dict.fromkeys(
    "😤😩😫😣😖😞😟😢😭😰😨😱🤢🤕🤒😒😑😕🙁☹😾😿🥺", -1.6
)
EXTRA_EMOJI |= dict.fromkeys("💀☠👹👺🤦😬🥱😓😥😧😦🚫❌", -0.9)
EXTRA_EMOJI |= dict.fromkeys("😍🥰😘🤩🥳😻💖💗💓💕💞💘💝🧡💛💚💙💜🤍🖤🤎🏆🙌", 2.4)
EXTRA_EMOJI |= dict.fromkeys("😀😃😄😁😆😂🤣😊😇🙂😋😎🤗😌☺😸😹👏💪✨🌟⭐🎊🙏✅🤝😉", 1.5)


def load(common: Sequence[str] = ()) -> Lexica:
    """The valences, emoji and boosters that features start from, before training.

    `common`: words by frequency, the commonest first.
    """
    valence = dict(_vader_lines("vader_lexicon.txt"))
    emoji = {
        face: sum(valence.get(word, 0.0) for word in described.lower().split())
        for face, described in _pairs("emoji_utf8_lexicon.txt")
        if len(face) == 1
    }
    return Lexica(
        valence=valence,
        emoji={face: value for face, value in emoji.items() if value} | EXTRA_EMOJI,
        boost=_boosters(),
        common=_ranks(common, valence),
        phrases=phrases.load(),
    )


def _ranks(common: Sequence[str], valence: Mapping[str, float]) -> dict[str, int]:
    """Words to their rank; words that only the lexicon knows come after all others."""
    ranks: dict[str, int] = {}
    for word in (*common, *valence):
        if word.isalpha() and word.isascii():
            ranks.setdefault(word.lower(), len(ranks))
    return ranks


def _pairs(name: str) -> list[tuple[str, str]]:
    text = files("vaderSentiment").joinpath(name).read_text("utf-8")
    rows = (line.split("\t") for line in text.splitlines() if line.strip())
    return [(row[0], row[1]) for row in rows]


def _vader_lines(name: str) -> list[tuple[str, float]]:
    return [(word, float(value)) for word, value in _pairs(name)]


def _boosters() -> dict[str, float]:
    from vaderSentiment.vaderSentiment import BOOSTER_DICT

    return dict(BOOSTER_DICT)
