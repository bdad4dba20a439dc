"""The scorer: token ids in, label, polarity and confidence out, by table look-ups and one small product."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import Stemmer

from .drift import Profile, profile
from .features import Batch, dense
from .language import identify
from .lexer import Lexer, Lexica
from .scores import MAX_CHARACTERS, Chances, Scores, as_text, explained, scores_of, softmax
from .subwords import Subwords
from .tokens import VALENCED, WORD, Floats

# The languages that the labelled texts are in: what the model says of a text in another one means nothing.
LANGUAGES = ("en",)
BIGRAM_SLOTS = 1 << 20
# Texts that are scored at once: the arrays of more leave the processor's cache, fewer do not pay for numpy's calls.
BATCH = 2048


@dataclass(frozen=True)
class Weights:
    """Logits by class (3): of the dense features (f, 3), of vocabulary rows (2v, 3; odd: negated), of bigrams (b, 3).

    `slots` maps a bigram's hash (BIGRAM_SLOTS values) to its row; row 0 of both tables is unknown and weighs nothing.
    `parts`: of the rows of `Subwords`, (s, 3); their mean over a text is added. It may be empty.
    """

    bias: Floats
    dense: Floats
    unigrams: Floats
    bigrams: Floats
    slots: npt.NDArray[np.int32]
    parts: Floats


def bigram_slots(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """(n-1,) the slot of each pair of neighbouring tokens, from their keys' hashes."""
    mixed = hashes[:-1] * np.uint32(0x9E3779B1) + hashes[1:]
    slots: npt.NDArray[np.uint32] = (mixed * np.uint32(0x85EBCA6B)) >> np.uint32(12)
    return slots


class Scorer:
    """One trained model in memory. Loading reads two data files; no code is unpickled, no network is needed."""

    languages = LANGUAGES

    def __init__(self, weights: Weights, vocabulary: Sequence[str], lexica: Lexica, subwords: Subwords) -> None:
        rows = {key: row for row, key in enumerate(vocabulary, start=1)}
        self._weights = weights
        self._singles, self._pairs = _against_neutral(weights.unigrams), _against_neutral(weights.bigrams)
        # The lexer remembers its words: the stemmer need not.
        self._lexer = Lexer(lexica, Stemmer.Stemmer("english", 0).stemWord, rows)
        self._parts = TokenParts(subwords, np.stack(_columns(weights.parts), 1))
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: str | Path) -> Scorer:
        """Read `weights.npz` and `words.json` of a bundle folder."""
        with np.load(Path(folder) / "weights.npz", allow_pickle=False) as stored:
            slots = np.zeros(BIGRAM_SLOTS, np.int32)
            slots[stored["slots"]] = np.arange(1, len(stored["slots"]) + 1)
            weights = Weights(
                stored["bias"], stored["dense"], stored["unigrams"], stored["bigrams"], slots, stored["parts"]
            )
            hashes = stored["part_hashes"]
        words = json.loads((Path(folder) / "words.json").read_text("utf-8"))
        subwords = Subwords(words["subwords"], hashes)
        return cls(weights, words["vocabulary"], Lexica(**words["lexica"]), subwords)

    def score(self, texts: Sequence[Any]) -> Scores:
        """Score any number of texts. What is not a string (null, NaN, a number) is read as its text, null as empty."""
        chances = [softmax(logits) for _texts, _batch, logits in self._batches(texts)]
        return scores_of(np.concatenate([np.zeros((0, 3)), *chances]))

    def columns(self, texts: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
        """The columns of the model's contract: the scores (sentiment, polarity, confidence) and the language.

        A text in a language that the model does not serve has a score as well: whoever asks leaves it out.
        """
        chances, languages = self.chances(texts)
        return {**scores_of(chances).columns(), "language": languages}

    def chances(self, texts: Sequence[Any]) -> tuple[Chances, npt.NDArray[np.object_]]:
        """(n, 3) the probability of each label, and (n,) the language, of n texts."""
        chances, languages = [np.zeros((0, 3))], [np.zeros(0, object)]
        for some, batch, logits in self._batches(texts):
            chances.append(softmax(logits))
            languages.append(identify(batch, some))
        return np.concatenate(chances), np.concatenate(languages)

    def explain(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The terms that decided: (term, polarity lost when it is left out), the strongest first."""
        return explained(self.score, text, most)

    def profile(self, texts: Sequence[Any]) -> Profile:
        """Histograms of the scores, lengths and known words of texts, for `drift.compare`."""
        clean = [text if type(text) is str else as_text(text) for text in texts]
        scores = self.score(clean)
        lengths, words, unknown = [np.zeros(0, int)], 0, 0
        for start in range(0, len(clean), BATCH):
            with self._lock:
                batch = Batch(self._lexer.ids(clean[start : start + BATCH]), self._lexer.table)
                word = (batch.flags & WORD) != 0
                unknown += int((word & (batch.table.rows[batch.ids] == 0)).sum())
                words += int(word.sum())
                lengths.append(batch.lengths)
        shape = np.concatenate(lengths)
        return profile(scores.label, scores.polarity, scores.confidence, shape, words - unknown, unknown)

    def _batches(self, texts: Sequence[Any]) -> Iterator[tuple[list[str], Batch, Floats]]:
        """At most BATCH texts at once, as the lexer read them, with their tokens and their logits (t, 3)."""
        clean = [text if type(text) is str else as_text(text) for text in texts]
        for start in range(0, len(clean), BATCH):
            some = clean[start : start + BATCH]
            if max(map(len, some)) > MAX_CHARACTERS:
                some = [text[:MAX_CHARACTERS] for text in some]
            yield some, *self._logits(some)

    def _logits(self, texts: list[str]) -> tuple[Batch, Floats]:
        with self._lock:
            batch = Batch(self._lexer.ids(texts), self._lexer.table)
            whole = np.stack(tuple(dense(batch).values())).T @ self._weights.dense
            grams = self._ngrams(batch)
            parts = self._parts.means(batch, self._lexer.surfaces)
        logits: Floats = whole + grams / batch.scale[:, None] + self._weights.bias
        logits[:, 0] += parts[:, 0]
        logits[:, 2] += parts[:, 1]
        return batch, logits

    def _ngrams(self, batch: Batch) -> Floats:
        rows = batch.table.rows[batch.ids] * 2 + batch.negated
        slots = bigram_slots(batch.table.hashes[batch.ids])
        pairs = self._weights.slots[slots] * (batch.counted[:-1] & batch.counted[1:])
        known = np.flatnonzero(pairs)
        text = np.searchsorted(batch.starts, known, side="right") - 1
        double = self._pairs[pairs[known]] * batch.emphasis[known]
        sums = np.zeros((len(batch.starts), 3), np.float32)
        single = np.add.reduceat(self._singles[rows] * batch.emphasis, batch.starts)
        for label, some, others in ((0, single.real, double.real), (2, single.imag, double.imag)):
            sums[:, label] = some + np.bincount(text, others, minlength=len(sums))
        return sums


class TokenParts:
    """The sums of the parts of each token met so far, so that a text's mean is two look-ups.

    `table`: (s, d) values of the rows of `subwords`. Not safe for concurrent use, like the lexer.
    """

    def __init__(self, subwords: Subwords, table: Floats) -> None:
        self._subwords = subwords
        self._table = table
        self._size = 0
        self._sums = np.zeros((0, table.shape[1]), np.float32)
        self._counts = np.zeros(0, np.float32)

    def means(self, batch: Batch, surfaces: Sequence[str]) -> Floats:
        """(t, d) the mean over the parts of each text's tokens; zeros for a text without any.

        `surfaces`: what is seen of each token id, as the lexer has it. The parts know no negation, so a word of feeling
        that is denied is left out: of "not boring" they would see "boring" alone.
        """
        if not self._subwords.rows:
            return np.zeros((len(batch.starts), self._table.shape[1]), np.float32)
        self._learn(surfaces)
        ids = batch.ids.copy()
        ids[batch.negated & ((batch.flags & VALENCED) != 0)] = 0
        counts = np.add.reduceat(self._counts[ids] * batch.emphasis, batch.starts)
        sums = np.add.reduceat(self._sums[ids] * batch.emphasis[:, None], batch.starts)
        means: Floats = (sums / np.maximum(counts, 1)[:, None]).astype(np.float32)
        return means

    def _learn(self, surfaces: Sequence[str]) -> None:
        if len(surfaces) < self._size:  # the lexer has forgotten
            self._size = 0
        if len(surfaces) == self._size:
            return
        sums, counts = self._subwords.sums(surfaces[self._size :], self._table)
        if len(surfaces) > len(self._counts):
            room = max(1 << 14, len(surfaces))
            self._sums = np.pad(self._sums[: self._size], ((0, room), (0, 0)))
            self._counts = np.pad(self._counts[: self._size], (0, room))
        self._sums[self._size : len(surfaces)] = sums
        self._counts[self._size : len(surfaces)] = counts
        self._size = len(surfaces)


def _columns(logits: Floats) -> tuple[Floats, Floats]:
    """Negative and positive less neutral: softmax sees no more of three logits."""
    return logits[:, 0] - logits[:, 1], logits[:, 2] - logits[:, 1]


def _against_neutral(logits: Floats) -> npt.NDArray[np.complex64]:
    """(n,) negative and positive less neutral (softmax sees no more of them), paired for one look-up and one sum."""
    negative, positive = _columns(logits)
    paired: npt.NDArray[np.complex64] = (negative + 1j * positive).astype(np.complex64)
    return paired


def save(
    folder: str | Path,
    arrays: Mapping[str, npt.NDArray[Any]],
    vocabulary: Iterable[str],
    lexica: Lexica,
    subwords: Iterable[str] = (),
) -> None:
    """Write a bundle's data files.

    `arrays`: bias, dense, unigrams, bigrams, the bigrams' `slots`, `parts` and the `part_hashes` of their n-grams.
    `subwords`: the words that have a row of `parts`.
    """
    np.savez_compressed(Path(folder) / "weights.npz", allow_pickle=False, **arrays)
    words = {"vocabulary": list(vocabulary), "lexica": vars(lexica), "subwords": list(subwords)}
    (Path(folder) / "words.json").write_text(json.dumps(words, ensure_ascii=False), "utf-8")
