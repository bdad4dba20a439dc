"""Measures drift: how far the stream's texts have moved from those that the model was evaluated on.

A profile is a dict of histograms of plain integers, so profiles of batches, hours or executors are summed key by key.
The reference profile travels in the bundle (`reference.json`). Everything works on plain lists and arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Profile = dict[str, list[int]]

POLARITY_EDGES = np.linspace(-1, 1, 11)
CONFIDENCE_EDGES = np.linspace(1 / 3, 1, 9)
LENGTH_EDGES = np.array([0, 1, 4, 8, 12, 16, 24, 40, 80, 1 << 30])

# The usual bounds of PSI: below 0.1 no shift, above 0.25 a clear one.
NOTICEABLE, SEVERE = 0.1, 0.25
NOVELTY_RISE = 0.1
MIN_TEXTS = 200


def profile(
    label: npt.NDArray[np.intp],
    polarity: npt.NDArray[np.float64],
    confidence: npt.NDArray[np.float64],
    lengths: npt.NDArray[np.intp],
    known: int,
    unknown: int,
) -> Profile:
    """Histograms of a batch: the arrays are (texts,), `lengths` in tokens; `known` and `unknown` count words."""
    return {
        "label": np.bincount(label, minlength=3).tolist(),
        "polarity": np.histogram(polarity, POLARITY_EDGES)[0].tolist(),
        "confidence": np.histogram(confidence, CONFIDENCE_EDGES)[0].tolist(),
        "length": np.histogram(lengths, LENGTH_EDGES)[0].tolist(),
        "words": [known, unknown],
    }


def added(first: Mapping[str, Sequence[int]], second: Mapping[str, Sequence[int]]) -> Profile:
    """Two profiles as one."""
    return {name: [a + b for a, b in zip(counts, second[name], strict=True)] for name, counts in first.items()}


def psi(reference: Sequence[float], current: Sequence[float]) -> float:
    """Population stability index of two histograms over the same bins; 0 for equal shapes. Empty bins are smoothed."""
    expected, actual = _shares(reference), _shares(current)
    return float(((actual - expected) * np.log(actual / expected)).sum())


def jensen_shannon(reference: Sequence[float], current: Sequence[float]) -> float:
    """Jensen-Shannon distance of two histograms, 0..1 (base 2, square root of the divergence)."""
    one, other = _shares(reference), _shares(current)
    middle = (one + other) / 2
    divergence = (one * np.log2(one / middle)).sum() + (other * np.log2(other / middle)).sum()
    return float(np.sqrt(max(divergence / 2, 0.0)))


def compare(reference: Mapping[str, Sequence[int]], current: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """`psi_<histogram>` and `js_<histogram>` for each, and `novelty`: how much the share of unknown words rose."""
    names = ("label", "polarity", "confidence", "length")
    found = {f"psi_{name}": psi(reference[name], current[name]) for name in names}
    found |= {f"js_{name}": jensen_shannon(reference[name], current[name]) for name in names}
    found["novelty"] = _unknown(current["words"]) - _unknown(reference["words"])
    return found


def diagnose(drift: Mapping[str, float], texts: int, *, model_changed: bool = False) -> tuple[str, str] | None:
    """What changed, as (`data`, `audience` or `model`, a sentence), or None when nothing did or texts are too few.

    The texts themselves differ (length, vocabulary): the data. They look alike but are scored differently: the model,
    if another version scores them since the reference period, else the audience's sentiment.
    """
    if texts < MIN_TEXTS:
        return None
    if drift["novelty"] > NOVELTY_RISE:
        return "data", f"unknown words rose by {drift['novelty']:.0%} of all words: retrain"
    if drift["psi_length"] > SEVERE:
        return "data", f"texts are longer or shorter than before (PSI {drift['psi_length']:.2f})"
    moved = max(drift["psi_label"], drift["psi_polarity"])
    if moved <= SEVERE:
        return None
    if model_changed:
        return "model", f"another version scores similar texts differently (PSI {moved:.2f})"
    return "audience", f"similar texts, different sentiment (PSI {moved:.2f})"


def _unknown(words: Sequence[int]) -> float:
    return words[1] / max(sum(words), 1)


def _shares(counts: Sequence[float]) -> npt.NDArray[np.float64]:
    smoothed = np.asarray(counts, float) + 0.5
    shares: npt.NDArray[np.float64] = smoothed / smoothed.sum()
    return shares
