"""Text to token ids, cheap for what was seen before.

Most of a stream consists of chunks (runs of non-blanks) that have been met already: a batch is split and looked up as
arrays (`chunks`), and only new chunks are taken apart. Emoji, emoticons, negation and punctuation that carries feeling
survive the cleaning; addresses, mentions and numbers become one token each.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from .chunks import SEPARATOR, UNKNOWN, Chunks, Keys, Known, Places, split
from .tokens import (
    ADDRESS,
    BOUNDARY,
    BUT,
    CAPITALS,
    ELONGATED,
    EMOTICON,
    HASHTAG,
    MENTION,
    NEGATOR,
    NUMBER,
    QUESTION,
    QUOTE,
    RETWEET,
    STOP,
    WORD,
    Ints,
    TokenTable,
)

CHUNKS_KEPT = 400_000
NEGATORS = frozenset(
    [
        "no",
        "not",
        "never",
        "none",
        "nobody",
        "nothing",
        "neither",
        "nor",
        "nowhere",
        "cannot",
        "without",
        "hardly",
        "barely",
        "rarely",
        "seldom",
        "scarcely",
        "lack",
        "lacks",
        "lacking",
        "cant",
        "wont",
        "dont",
        "doesnt",
        "didnt",
        "isnt",
        "arent",
        "wasnt",
        "werent",
        "havent",
        "hasnt",
        "hadnt",
        "shouldnt",
        "wouldnt",
        "couldnt",
        "mustnt",
        "aint",
    ]
)
CONTRASTS = frozenset(("but", "however", "although", "though"))
_APOSTROPHES = str.maketrans("’´`", "'''")
_THRICE = re.compile(r"(.)\1\1+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b|\d|_)|[A-Z]?[a-z]+")
_SIMPLE_ENDS = {"!": "bang", "?": "question", ".": "stop", ";": "stop", ":": "stop", ",": ""}


@dataclass(frozen=True)
class Lexica:
    """What is known of words beforehand.

    `valence`: VADER's, -4..4, emoticons included. `emoji`: one character to a valence. `boost`: what an adverb adds to
    the word after it.
    """

    valence: Mapping[str, float]
    emoji: Mapping[str, float]
    boost: Mapping[str, float]


class Lexer:
    """Turns batches of texts into one array of token ids, each text led by a boundary token (id 0).

    `vocabulary` gives the row of a key (a lower-case stem, an emoticon, `<url>`, ...) in the weights; it may be empty
    while training. Not safe for concurrent use: the scorer holds a lock.
    """

    def __init__(self, lexica: Lexica, stem: Callable[[str], str], vocabulary: Mapping[str, int]) -> None:
        self._lexica = lexica
        self._stem = stem
        self._vocabulary = vocabulary
        self._pattern = _pattern(lexica)
        self.keys: list[str] = []
        self._forget()

    def _forget(self) -> None:
        self.table = TokenTable()
        self.keys.clear()
        self._known: dict[tuple[object, ...], int] = {}
        self._words: dict[tuple[str, int], int] = {}
        self._chunks = Known()
        self._boundary = self._chunks.run((self._token(SEPARATOR, BOUNDARY | STOP),))
        self._mention = self._chunks.run(self._analyse("@a"))
        self._address = self._chunks.run(self._analyse("http://a"))

    @property
    def kept(self) -> int:
        """How many chunks are remembered."""
        return self._chunks.size

    def ids(self, texts: Sequence[str]) -> Ints:
        """The token ids of all texts, one boundary (0) before each; attributes are in `table`."""
        if self.kept > CHUNKS_KEPT:
            self._forget()
        chunks = split(texts)
        keys = chunks.keys(self._chunks.seed)
        runs = self._chunks.runs(keys)
        # Addresses and mentions are not kept: most are met once.
        runs[chunks.separators()] = self._boundary
        runs[chunks.addresses()] = self._address
        runs[chunks.handles()] = self._mention
        new = np.flatnonzero(runs == UNKNOWN)
        if len(new):
            self._learn(chunks, keys, new)
            runs[new] = self._chunks.runs(keys[new])
        return self._chunks.tokens(runs)

    def _learn(self, chunks: Chunks, keys: Keys, new: Places) -> None:
        """Take the new chunks apart, in their order, each once."""
        _, first = np.unique(keys[new], return_index=True)
        places = new[np.sort(first)]
        self._chunks.add(keys[places], (self._chunks.run(self._analyse(chunks[place])) for place in places.tolist()))

    def _token(self, key: str, flags: int, numbers: Sequence[float] = (0, 0, 0)) -> int:
        signature = (key, flags, *numbers)
        known = self._known.get(signature)
        if known is None:
            hashed = zlib.crc32(key.encode("utf-8", "replace"))
            known = self.table.add(flags, hashed, self._vocabulary.get(key, 0), numbers)
            self._known[signature] = known
            self.keys.append(key)
        return known

    def _analyse(self, chunk: str) -> tuple[int, ...]:
        if chunk.isalpha():
            return (self._word(chunk),)
        if chunk[0] == "@" and chunk[1:].isidentifier():
            return self._mark("mention", chunk)
        if chunk[:-1].isalpha() and chunk[-1] in _SIMPLE_ENDS:
            mark = _SIMPLE_ENDS[chunk[-1]]
            return (self._word(chunk[:-1]), *(self._mark(mark, chunk[-1]) if mark else ()))
        if "&" in chunk:
            chunk = html.unescape(chunk)
        low = chunk.lower()
        if low in self._lexica.valence and not low.isalpha():
            return (self._emoticon(low),)
        found = ((match.lastgroup or "", match.group()) for match in self._pattern.finditer(chunk))
        return tuple(chain.from_iterable(self._mark(kind, piece) for kind, piece in found))

    def _mark(self, kind: str, piece: str) -> tuple[int, ...]:
        """The tokens of one piece of a chunk, `kind` being its group in the pattern."""
        if kind == "word":
            return (self._word(piece),)
        if kind == "hashtag":
            return self._hashtag(piece[1:])
        if kind == "emoticon":
            return (self._emoticon(piece.lower()),)
        if kind == "emoji":
            valence = self._lexica.emoji.get(piece, 0.0)
            return (self._token(piece, EMOTICON, (valence, 0, 0)),)
        if kind == "bang":
            return (self._token("!", STOP, (0, 0, min(piece.count("!"), 4))),)
        key, flags = _CONSTANTS[kind]
        return (self._token(key, flags),)

    def _emoticon(self, low: str) -> int:
        return self._token(low, EMOTICON, (self._lexica.valence.get(low, 0.0), 0, 0))

    def _hashtag(self, name: str) -> tuple[int, ...]:
        parts = _CAMEL.findall(name)
        if 1 < len(parts) < 6:
            return (self._token("#" + name.lower(), HASHTAG), *map(self._word, parts))
        return (self._word(name, HASHTAG),)

    def _word(self, word: str, flags: int = 0) -> int:
        """The token of a word; remembered apart from its chunk, for `great,` and `great!` share it."""
        known = self._words.get((word, flags))
        if known is None:
            known = self._words[word, flags] = self._new_word(word, flags)
        return known

    def _new_word(self, word: str, flags: int) -> int:
        if word == "RT":
            return self._token("<rt>", RETWEET)
        flags |= WORD
        if len(word) > 1 and word.isupper():
            flags |= CAPITALS
        low = word.lower()
        if not low.isascii():
            low = low.translate(_APOSTROPHES)
        if _THRICE.search(low):
            flags |= ELONGATED
            low = self._shortened(low)
        bare = low.replace("'", "")
        if bare in NEGATORS or low.endswith("n't"):
            flags |= NEGATOR
        elif low in CONTRASTS:
            flags |= BUT
        # "no" is in VADER's lexicon, but it acts through what it negates.
        valence = 0.0 if flags & NEGATOR else self._lexica.valence.get(low, 0.0)
        key = bare if flags & NEGATOR else self._stem(bare)
        return self._token(key, flags, (valence, self._lexica.boost.get(low, 0.0), 0))

    def _shortened(self, low: str) -> str:
        """`sooooo` to `so`, `goood` to `good`: the shorter form only where a lexicon knows it."""
        twice = _THRICE.sub(r"\1\1", low)
        once = _THRICE.sub(r"\1", low)
        known = (self._lexica.valence, self._lexica.boost)
        return once if any(once in words for words in known) and twice not in known[0] else twice


_CONSTANTS = {
    "address": ("<url>", ADDRESS),
    "mention": ("<user>", MENTION),
    "number": ("<num>", NUMBER),
    "question": ("?", STOP | QUESTION),
    "dots": ("...", 0),
    "stop": (".", STOP),
    "quote": ('"', QUOTE),
}


def _pattern(lexica: Lexica) -> re.Pattern[str]:
    """One pass over a chunk; words come before emoticons only where an emoticon could not start."""
    faces = [
        face for face in lexica.valence if len(face) > 1 and not face.isalnum() and not re.search("[a-z]{2}", face)
    ]
    faces.sort(key=lambda face: (-len(face), face))
    alternatives = {
        "address": r"https?:\S*|www\.\S+|\S+\.(?:com|org|net|ly)\b\S*",
        "mention": r"@\w+",
        "emoticon": f"(?:{'|'.join(map(re.escape, faces)) or '(?!)'})(?!\\w)",
        "hashtag": r"#\w+",
        "number": r"[$£€]?\d[\d.,:/]*(?:%|st|nd|rd|th|am|pm|k|s|m|x)?\b",
        "word": r"[^\W\d_]+(?:['’´`][^\W\d_]+)*",
        "bang": r"!+[!?1]*",
        "question": r"\?[!?]*",
        "dots": r"\.\.+|…",
        "stop": r"[.;:]",
        "quote": r"[\"“”]",
        "emoji": "[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]",
    }
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in alternatives.items()))
