"""The scorer: token ids in, label, polarity and confidence out, by table look-ups and one small product."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import Stemmer

from .drift import Profile, profile
from .features import Batch, dense
from .lexer import Lexer, Lexica
from .tokens import WORD, Floats

LABELS = ("negative", "neutral", "positive")
BIGRAM_SLOTS = 1 << 20
BATCH = 8192
MAX_CHARACTERS = 20_000

_NAMES = np.array(LABELS, dtype=object)


@dataclass(frozen=True)
class Weights:
    """Logits by class (3): of the dense features (f, 3), of vocabulary rows (2v, 3; odd: negated), of bigrams (b, 3).

    `slots` maps a bigram's hash (BIGRAM_SLOTS values) to its row; row 0 of both tables is unknown and weighs nothing.
    """

    bias: Floats
    dense: Floats
    unigrams: Floats
    bigrams: Floats
    slots: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Scores:
    """Parallel arrays, one place a text: label index into LABELS, polarity -1..1, confidence 0..1."""

    label: npt.NDArray[np.intp]
    polarity: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]

    @property
    def sentiment(self) -> npt.NDArray[np.object_]:
        """The labels as words."""
        return _NAMES[self.label]


def bigram_slots(hashes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """(n-1,) the slot of each pair of neighbouring tokens, from their keys' hashes."""
    mixed = hashes[:-1] * np.uint32(0x9E3779B1) + hashes[1:]
    slots: npt.NDArray[np.uint32] = (mixed * np.uint32(0x85EBCA6B)) >> np.uint32(12)
    return slots


class Scorer:
    """One trained model in memory. Loading reads two data files; no code is unpickled, no network is needed."""

    def __init__(self, weights: Weights, vocabulary: Sequence[str], lexica: Lexica) -> None:
        rows = {key: row for row, key in enumerate(vocabulary, start=1)}
        self._weights = weights
        self._singles, self._pairs = _against_neutral(weights.unigrams), _against_neutral(weights.bigrams)
        self._lexer = Lexer(lexica, Stemmer.Stemmer("english").stemWord, rows)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, folder: str | Path) -> Scorer:
        """Read `weights.npz` and `words.json` of a bundle folder."""
        with np.load(Path(folder) / "weights.npz", allow_pickle=False) as stored:
            slots = np.zeros(BIGRAM_SLOTS, np.int32)
            slots[stored["slots"]] = np.arange(1, len(stored["slots"]) + 1)
            weights = Weights(stored["bias"], stored["dense"], stored["unigrams"], stored["bigrams"], slots)
        words = json.loads((Path(folder) / "words.json").read_text("utf-8"))
        return cls(weights, words["vocabulary"], Lexica(**words["lexica"]))

    def score(self, texts: Sequence[Any]) -> Scores:
        """Score any number of texts. What is not a string (null, NaN, a number) is read as its text, null as empty."""
        clean = [text if type(text) is str else _as_text(text) for text in texts]
        parts = [_softmax(self._logits(clean[start : start + BATCH])) for start in range(0, len(clean), BATCH)]
        chances = np.concatenate(parts) if parts else np.zeros((0, 3))
        label = chances.argmax(1)
        return Scores(label, chances[:, 2] - chances[:, 0], chances[np.arange(len(label)), label])

    def columns(self, texts: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
        """The scores as the columns of the model's contract: sentiment, polarity, confidence."""
        scores = self.score(texts)
        return {
            "sentiment": scores.sentiment,
            "polarity": scores.polarity,
            "confidence": scores.confidence,
        }

    def explain(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The terms that decided: (term, polarity lost when it is left out), the strongest first."""
        chunks = text[:MAX_CHARACTERS].split()[:200]
        without = [" ".join(chunks[:place] + chunks[place + 1 :]) for place in range(len(chunks))]
        polarity = self.score([" ".join(chunks), *without]).polarity
        effects = polarity[0] - polarity[1:]
        order = sorted(range(len(chunks)), key=lambda place: -abs(effects[place]))
        return [(chunks[place], float(effects[place])) for place in order[:most] if abs(effects[place]) >= 0.01]

    def profile(self, texts: Sequence[Any]) -> Profile:
        """Histograms of the scores, lengths and known words of texts, for `drift.compare`."""
        clean = [text if type(text) is str else _as_text(text) for text in texts]
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

    def _logits(self, texts: list[str]) -> Floats:
        """(t, 3) logits of a batch of at most BATCH texts."""
        if max(map(len, texts)) > MAX_CHARACTERS:
            texts = [text[:MAX_CHARACTERS] for text in texts]
        with self._lock:
            batch = Batch(self._lexer.ids(texts), self._lexer.table)
            whole = np.stack(tuple(dense(batch).values())).T @ self._weights.dense
            grams = self._ngrams(batch)
        logits: Floats = whole + grams / batch.scale[:, None] + self._weights.bias
        return logits

    def _ngrams(self, batch: Batch) -> Floats:
        rows = batch.table.rows[batch.ids] * 2 + batch.negated
        slots = bigram_slots(batch.table.hashes[batch.ids])
        pairs = self._weights.slots[slots] * (batch.counted[:-1] & batch.counted[1:])
        known = np.flatnonzero(pairs)
        text = np.searchsorted(batch.starts, known, side="right") - 1
        double = self._pairs[pairs[known]]
        sums = np.zeros((len(batch.starts), 3), np.float32)
        single = np.add.reduceat(self._singles[rows], batch.starts)
        for label, some, others in ((0, single.real, double.real), (2, single.imag, double.imag)):
            sums[:, label] = some + np.bincount(text, others, minlength=len(sums))
        return sums


def _against_neutral(logits: Floats) -> npt.NDArray[np.complex64]:
    """(n,) negative and positive less neutral (softmax sees no more of them), paired for one look-up and one sum."""
    paired: npt.NDArray[np.complex64] = (logits[:, 0] - logits[:, 1] + 1j * (logits[:, 2] - logits[:, 1])).astype(
        np.complex64
    )
    return paired


def _as_text(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return "" if type(value).__name__ in ("NAType", "NaTType") else str(value)


def _softmax(logits: Floats) -> npt.NDArray[np.float64]:
    raised = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    chances: npt.NDArray[np.float64] = raised / raised.sum(1, keepdims=True)
    return chances


def save(
    folder: str | Path,
    arrays: Mapping[str, npt.NDArray[Any]],
    vocabulary: Iterable[str],
    lexica: Lexica,
) -> None:
    """Write a bundle's data files. `arrays`: bias, dense, unigrams, bigrams and the bigrams' `slots`."""
    np.savez_compressed(Path(folder) / "weights.npz", allow_pickle=False, **arrays)
    words = {"vocabulary": list(vocabulary), "lexica": vars(lexica)}
    (Path(folder) / "words.json").write_text(json.dumps(words, ensure_ascii=False), "utf-8")
