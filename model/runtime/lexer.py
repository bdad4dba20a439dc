"""Text to token ids, cheap for what was seen before.

Most of a stream consists of chunks (runs of non-blanks) that have been met already: a batch is split and looked up as
arrays (`chunks`), and only new chunks are taken apart. Emoji, emoticons, negation and punctuation that carries feeling
survive the cleaning; addresses, mentions and numbers become one token each.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import inf, log

import numpy as np

from .chunks import SEPARATOR, UNKNOWN, Chunks, Keys, Known, Places, split
from .english import evidence
from .negation import CONTRASTS, NEGATORS, UTMOST_NEGATORS, resolved, variants
from .normal import normal
from .phrases import DENYING, PLAIN, VALENCES, Phrases
from .tokens import (
    ADDRESS,
    BOUNDARY,
    BUT,
    CAPITALS,
    COMMON,
    COMPARATIVE,
    COUNTED,
    ELONGATED,
    EMOTICON,
    ENGLISH,
    HASHTAG,
    IN_HASHTAG,
    LEARNT,
    MENTION,
    NEGATOR,
    NUMBER,
    PAUSE,
    QUESTION,
    QUOTE,
    RETWEET,
    STOP,
    UTMOST,
    WORD,
    Ints,
    TokenTable,
)

CHUNKS_KEPT = 400_000
# Of a hashtag: its characters, those of a part, and what each part costs beside its rarity.
MAX_TAG, MAX_PART, PART_PRICE = 40, 16, 4.0
_THRICE = re.compile(r"(.)\1\1+")
_SITE = re.compile(r"\.(?:com|org|net|ly)\b")
# Characters that are looked at of one run of non-blanks: no word is as long.
MAX_CHUNK = 400
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\b|\d|_)|[A-Z]?[a-z]+")
_SIMPLE_ENDS = {"!": "bang", "?": "question", ".": "stop", ";": "stop", ":": "stop", ",": ""}


@dataclass(frozen=True)
class Lexica:
    """What is known of words beforehand.

    `valence`: VADER's, -4..4, emoticons included. `emoji`: one character to a valence. `boost`: what an adverb adds to
    the word after it. `common`: frequent words to their rank, by which hashtags are split. `phrases`: words with blanks
    between them to what they are together (see `Phrases`).
    """

    valence: Mapping[str, float]
    emoji: Mapping[str, float]
    boost: Mapping[str, float]
    common: Mapping[str, int]
    phrases: Mapping[str, str] = field(default_factory=dict)


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
        self._phrases = Phrases(lexica.phrases, lexica.common)
        self.keys: list[str] = []
        # What the subword model sees of each token: words with blanks between them; empty where it sees nothing.
        self.surfaces: list[str] = []
        self._forget()

    def _forget(self) -> None:
        self.table = TokenTable()
        self.keys.clear()
        self.surfaces.clear()
        self._known: dict[tuple[object, ...], int] = {}
        self._words: dict[tuple[str, int], int] = {}
        self._chunks = Known()
        self._boundary = self._chunks.run((self._token(SEPARATOR, BOUNDARY | STOP),))
        self._tokens_of_phrases = [self._phrase(*each) for each in self._phrases]
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
        ids = self._phrases.replaced(self._chunks.tokens(runs), self.table, self._tokens_of_phrases)
        return resolved(ids, self.table)

    def _learn(self, chunks: Chunks, keys: Keys, new: Places) -> None:
        """Take the new chunks apart, in their order, each once."""
        _, first = np.unique(keys[new], return_index=True)
        places = new[np.sort(first)]
        self._chunks.add(keys[places], (self._chunks.run(self._analyse(chunks[place])) for place in places.tolist()))

    def _token(self, key: str, flags: int, numbers: Sequence[float] = (0, 0, 0), surface: str = "") -> int:
        signature = (key, flags, surface, *numbers)
        known = self._known.get(signature)
        if known is None:
            hashed = zlib.crc32(key.encode("utf-8", "replace"))
            number = self._phrases.number(surface.replace(" ", ""))
            known = self.table.add(flags, hashed, self._vocabulary.get(key, 0), numbers, number)
            self._known[signature] = known
            self.keys.append(key)
            self.surfaces.append(surface)
        return known

    def _analyse(self, chunk: str) -> tuple[int, ...]:
        if chunk.isalpha() and chunk.isascii():
            return (self._word(chunk),) if len(chunk) <= MAX_CHUNK else ()
        chunk = normal(chunk[:MAX_CHUNK])
        if not chunk:
            return ()
        if chunk.isalpha():
            return (self._word(chunk),)
        if chunk[0] == "@" and chunk[1:].isidentifier():
            return self._mark("mention", chunk)
        if chunk[:-1].isalpha() and chunk[-1] in _SIMPLE_ENDS:
            mark = _SIMPLE_ENDS[chunk[-1]]
            return (self._word(chunk[:-1]), *self._mark(mark, chunk[-1])) if mark else (self._word(chunk[:-1], PAUSE),)
        low = chunk.lower()
        if low in self._lexica.valence and not low.isalpha():
            return (self._emoticon(low),)
        site = _SITE.search(chunk)
        if site and site.start():
            return self._mark("address", chunk)
        found = ((match.lastgroup or "", match.group()) for match in self._pattern.finditer(chunk))
        return tuple(chain.from_iterable(self._mark(kind, piece) for kind, piece in found))

    def _mark(self, kind: str, piece: str) -> tuple[int, ...]:
        """The tokens of one piece of a chunk, `kind` being its group in the pattern."""
        if kind == "word":
            return (self._word(piece.rstrip(","), PAUSE * piece.endswith(",")),)
        if kind == "hashtag":
            return self._hashtag(piece[1:])
        if kind == "emoticon":
            return (self._emoticon(piece.lower()),)
        if kind == "emoji":
            valence = self._lexica.emoji.get(piece, 0.0)
            # What no list knows is a picture, not a face.
            return (self._token(piece, EMOTICON if valence else 0, (valence, 0, 0)),)
        if kind == "bang":
            return (self._token("!", STOP, (0, 0, min(piece.count("!"), 4)), "!"),)
        key, flags = _CONSTANTS[kind]
        return (self._token(key, flags, surface=key if key in ("?", ".", '"') else ""),)

    def _emoticon(self, low: str) -> int:
        return self._token(low, EMOTICON, (self._lexica.valence.get(low, 0.0), 0, 0))

    def _hashtag(self, name: str) -> tuple[int, ...]:
        """The tag as one token, and its words, which capitals tell apart or else a list of common words."""
        parts = _CAMEL.findall(name)
        if len(parts) == 1:
            parts = self._split(name.lower())
        if 1 < len(parts) < 6:
            return (self._token("#" + name.lower(), HASHTAG), *(self._word(part, IN_HASHTAG) for part in parts))
        return (self._word(name, HASHTAG),)

    def _split(self, name: str) -> list[str]:
        """The cheapest way to write a tag as common words, the rarer the dearer; the name alone if there is none."""
        common = self._lexica.common
        if not 5 < len(name) <= MAX_TAG or name in common:
            return [name]
        best: list[tuple[float, int]] = [(0.0, 0)]
        for end in range(1, len(name) + 1):
            ways = (
                (best[begin][0] + log(2 + common[name[begin:end]]) + PART_PRICE, begin)
                for begin in range(max(0, end - MAX_PART), end)
                if name[begin:end] in common and (end - begin > 1 or name[begin] in "ai")
            )
            best.append(min(ways, default=(inf, end)))
        if best[-1][0] == inf:
            return [name]
        parts, end = [], len(name)
        while end:
            begin = best[end][1]
            parts.append(name[begin:end])
            end = begin
        return parts[::-1]

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
        if _THRICE.search(low):
            flags |= ELONGATED
            low = self._shortened(low)
        bare = low.replace("'", "")
        if bare in NEGATORS or low.endswith("n't"):
            flags |= NEGATOR | UTMOST * (bare in UTMOST_NEGATORS)
        elif low in CONTRASTS:
            flags |= BUT
        elif low in ("more", "better", "worse") or self._is_comparative(low):
            flags |= COMPARATIVE
        # "no" is in VADER's lexicon, but it acts through what it negates.
        valence = 0.0 if flags & NEGATOR else self._lexica.valence.get(low, 0.0)
        key = bare if flags & NEGATOR else self._stem(bare)
        if not flags & (HASHTAG | IN_HASHTAG):
            flags |= evidence(low, common=low in self._lexica.common, learnt=key in self._vocabulary)
        return self._with_variants(key, flags, (valence, self._lexica.boost.get(low, 0.0), 0), low.replace("'", " "))

    def _with_variants(self, key: str, flags: int, numbers: Sequence[float], surface: str) -> int:
        """A token and, where it is a negator, its variants behind it."""
        size = self.table.size
        token = self._token(key, flags, numbers, surface)
        if flags & NEGATOR and token == size:
            for other, bits in variants(flags):
                self._token(other, bits, numbers, surface)
        return token

    def _phrase(self, words: str, kind: str) -> int:
        """The token of a phrase, which is English as such. The subword model does not see one that is praise or scorn:
        it knows the words alone ("not bad")."""
        flags = WORD | COUNTED | ENGLISH | COMMON | LEARNT
        if kind == DENYING:
            flags |= NEGATOR | UTMOST * (words.replace(" ", "") in UTMOST_NEGATORS)
        key = words if kind == PLAIN else f"<{kind}>"
        valence = VALENCES.get(kind, 0.0)
        return self._with_variants(key, flags, (valence, 0, 0), "" if valence else words)

    def _is_comparative(self, low: str) -> bool:
        """`happier`, `nicer`, `sadder`: the comparative of a word that a lexicon knows as good or bad."""
        bases = (low[:-2], low[:-1], low[:-3] + "y", low[:-3]) if len(low) > 4 and low.endswith("er") else ()
        return any(abs(self._lexica.valence.get(base, 0.0)) > 1 for base in bases)

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
        "address": r"https?:\S*|www\.\S+",
        "mention": r"@\w+",
        "emoticon": f"(?:{'|'.join(map(re.escape, faces)) or '(?!)'})(?!\\w)",
        "hashtag": r"#\w+",
        "number": r"[$£€]?\d[\d.,:/]*(?:%|st|nd|rd|th|am|pm|k|s|m|x)?\b",
        "word": r"[^\W\d_]+(?:'[^\W\d_]+)*,?",
        "bang": r"!+[!?1]*",
        "question": r"\?[!?]*",
        "dots": r"\.\.+|…",
        "stop": r"[.;:]",
        "quote": r"[\"“”]",
        "emoji": "[\u2190-\u21ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]",
    }
    return re.compile("|".join(f"(?P<{name}>{body})" for name, body in alternatives.items()))
