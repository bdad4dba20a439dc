"""Text to token ids, cheap for what was seen before.

Most of a stream consists of chunks (runs of non-blanks) that have been met already: a batch is split and looked up as
arrays (`chunks`), and only new chunks are taken apart. Emoji, emoticons, negation and punctuation that carries feeling
survive the cleaning; addresses, mentions and numbers become one token each.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from string import ascii_lowercase

import numpy as np
import numpy.typing as npt

from .chunks import MARKS, MAX_CHUNK, SEPARATOR, UNKNOWN, Chunks, Keys, Known, Places, split
from .english import LISTED, evidence
from .hashtags import Hashtags
from .negation import CONTRASTS, NEGATORS, UTMOST_NEGATORS, resolved, variants
from .new_words import NewWords
from .normal import normal
from .phrases import DENYING, PLAIN, VALENCES, Phrases
from .pieces import pattern
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
_COMPARATIVES = ("more", "better", "worse")
_NAMED = ("rt", *_COMPARATIVES)
_THRICE = re.compile(r"(.)\1\1+")
_SITE = re.compile(r"\.(?:com|org|net|ly)\b")
# Pictures that stay the same when they are made normal, but for the selector behind them (numbers in circles do not).
_PICTURE = re.compile("[\u2600-\u2775\u2794-\u27bf\U0001f300-\U0001f3fa\U0001f400-\U0001faff]\ufe0f?")
# A word of two letters or more between signs that neither begin an address nor belong to markup. (Of a chunk that is
# looked up in vain: shorter ones are few, and a face may be among them.)
_SHORT = 4
_SIGNS = r"[!\"$%'()*+,\-./:;=>?\[\\\]^{|}~]"
_FRAMED = re.compile(rf"({_SIGNS}*)(?<!\.)((?!http|www)[A-Za-z]{{2,}}(?:'[A-Za-z]+)*)({_SIGNS}*)")
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
        self._pattern = pattern(lexica.valence)
        self._phrases = Phrases(lexica.phrases, lexica.common)
        self._hashtags = Hashtags(lexica.common)
        self._new_words = NewWords(self._listed(), stem, vocabulary, self._is_comparative)
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
        self._frames: dict[tuple[str, str], tuple[tuple[int, ...], tuple[int, ...]]] = {}
        self._waiting: list[tuple[str, int]] = []
        self._chunks = Known()
        self._boundary = self._chunks.run((self._token(SEPARATOR, BOUNDARY | STOP),))
        self._tokens_of_phrases = [self._phrase(*each) for each in self._phrases]
        (self._user,) = self._mark("mention", "@a")
        self._mention = self._chunks.run((self._user,))
        self._address = self._chunks.run(self._analyse("http://a"))
        # The token of each mark that may stand behind a word, by its byte; a comma has none.
        self._marks = np.full(256, -1, np.int32)
        for mark in set(MARKS) - {","}:
            (self._marks[ord(mark)],) = self._mark(_SIMPLE_ENDS[mark], mark)

    def _listed(self) -> Iterator[str]:
        """All words that something is known of, in lower case."""
        lists = (self._lexica.valence, self._lexica.boost, self._lexica.common, self._vocabulary, LISTED)
        yield from chain(*lists, NEGATORS, CONTRASTS, self._phrases.words(), ascii_lowercase, _NAMED)

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
        places = new[_first_of_each(keys[new])]
        self._chunks.add(keys[places], self._runs(chunks, places))

    def _runs(self, chunks: Chunks, places: Places) -> npt.NDArray[np.int64]:
        """The runs of tokens of the chunks at some places: most are a word, perhaps with a mark behind it."""
        plain, marks, handles, words, chunks_left = chunks.words(places)
        self._waiting.clear()
        others = [self._analyse(chunk) for chunk in chunks_left]
        left = ~plain & ~handles
        flags = np.append(PAUSE * (marks[plain] == ord(",")), [flags for _, flags in self._waiting]).astype(np.int32)
        found = self._tokens_of([*words, *(word for word, _ in self._waiting)], flags)
        mark = self._marks[marks]
        counts = 1 + (mark >= 0)
        counts[left] = list(map(len, others))
        begins = np.cumsum(counts) - counts
        tokens = np.empty(counts.sum(), np.int32)
        tokens[begins[plain]] = found[: len(words)]
        tokens[begins[mark >= 0] + 1] = mark[mark >= 0]
        rest = np.fromiter(chain.from_iterable(others), np.int64)
        later = rest < 0
        rest[later] = found[len(words) + ~rest[later]]
        tokens[np.repeat(left, counts)] = rest
        tokens[begins[handles]] = self._user
        return self._chunks.extend(tokens, counts)

    def _tokens_of(self, words: Sequence[str], flags: Ints) -> Ints:
        """The tokens of words with their flags."""
        if not words:
            return np.zeros(0, np.int32)
        unknown = self._new_words.unknown(words, flags)
        first = self.table.extend(unknown.flags, unknown.hashes, unknown.rows)
        self.keys.extend(unknown.keys)
        self.surfaces.extend(unknown.surfaces)
        tokens = np.full(len(words), -1, np.int32)
        tokens[unknown.places] = np.arange(first, self.table.size)
        for place in np.flatnonzero(tokens < 0).tolist():
            tokens[place] = self._word(words[place], int(flags[place]))
        return tokens

    def _later(self, word: str, flags: int = 0) -> int:
        """The token of a word that was met before; else a number below zero, the word's place among those waiting."""
        known = self._words.get((word, flags))
        if known is None:
            self._waiting.append((word, flags))
            return -len(self._waiting)
        return known

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
        """The tokens of a chunk; of its words that are new, their places among those waiting (see `_later`)."""
        if len(chunk) > MAX_CHUNK and chunk.isalpha() and chunk.isascii():
            return ()
        if _PICTURE.fullmatch(chunk):
            return self._mark("emoji", chunk[0])
        seen = self._at_sight(chunk) if _SHORT < len(chunk) <= MAX_CHUNK else None
        if seen is not None:
            return seen
        chunk = normal(chunk[:MAX_CHUNK])
        if not chunk:
            return ()
        if chunk.isalpha():
            return (self._later(chunk),)
        if chunk[0] == "@" and chunk[1:].isidentifier():
            return self._mark("mention", chunk)
        if chunk[:-1].isalpha() and chunk[-1] in _SIMPLE_ENDS:
            mark = _SIMPLE_ENDS[chunk[-1]]
            return (
                (self._later(chunk[:-1]), *self._mark(mark, chunk[-1])) if mark else (self._later(chunk[:-1], PAUSE),)
            )
        low = chunk.lower()
        if low in self._lexica.valence and not low.isalpha():
            return (self._emoticon(low),)
        site = _SITE.search(chunk) if "." in chunk else None
        if site and site.start():
            return self._mark("address", chunk)
        return tuple(chain.from_iterable([self._mark(*piece) for piece in self._pieces(chunk)]))

    def _at_sight(self, chunk: str) -> tuple[int, ...] | None:
        """The tokens of a word between signs or of a plain hashtag, the commonest of all other chunks; else None."""
        framed = _FRAMED.fullmatch(chunk)
        if framed and chunk.lower() not in self._lexica.valence:
            return self._framed(*framed.groups())
        if chunk[0] == "#" and chunk.isascii() and chunk[1:].isalnum():
            return self._hashtag(chunk[1:])
        return None

    def _framed(self, before: str, word: str, behind: str) -> tuple[int, ...]:
        """The tokens of a word between signs. Both kinds of signs recur, whatever word is between them."""
        pause = behind.startswith(",")
        key = (before, behind)
        known = self._frames.get(key)
        if known is None:
            # No face reaches into a word of two letters.
            first = [self._mark(*piece) for piece in self._pieces(before + "xx")[:-1]] if before else []
            last = [self._mark(*piece) for piece in self._pieces(behind[pause:])]
            known = self._frames[key] = tuple(chain.from_iterable(first)), tuple(chain.from_iterable(last))
        return (*known[0], self._later(word, PAUSE * pause), *known[1])

    def _pieces(self, chunk: str) -> list[tuple[str, str]]:
        """The pieces of a chunk and their groups in the pattern."""
        return [(match.lastgroup or "", match.group()) for match in self._pattern.finditer(chunk)]

    def _mark(self, kind: str, piece: str) -> tuple[int, ...]:
        """The tokens of one piece of a chunk, `kind` being its group in the pattern."""
        if kind == "word":
            return (self._later(piece.rstrip(","), PAUSE * piece.endswith(",")),)
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
        parts = self._hashtags.words_of(name)
        if 1 < len(parts) < 6:
            return (self._token("#" + name.lower(), HASHTAG), *(self._later(part, IN_HASHTAG) for part in parts))
        return (self._later(name, HASHTAG),)

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
        elif low in _COMPARATIVES or self._is_comparative(low):
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


def _first_of_each(keys: Keys) -> Places:
    """Where each key is met first, in that order."""
    order = np.argsort(keys)
    ordered = keys[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    first = np.zeros(len(keys), bool)
    first[np.minimum.reduceat(order, begins)] = True
    return np.flatnonzero(first)
