"""Metrics of predictions: plain functions on arrays (n,) of labels and predictions, as places in LABELS."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model.runtime import LABELS

Places = npt.NDArray[np.intp]
RESAMPLES = 1000


def confusion(truth: Places, predicted: Places) -> npt.NDArray[np.intp]:
    """(3, 3) counts: rows are labels, columns predictions."""
    size = len(LABELS)
    counted: npt.NDArray[np.intp] = np.bincount(truth * size + predicted, minlength=size * size)
    return counted.reshape(size, size)


def macro_f1(truth: Places, predicted: Places) -> float:
    """Mean F1 over the classes that occur among the labels or predictions; 0 without rows."""
    return float(_macro_f1(confusion(truth, predicted)[None])[0])


def summary(truth: Places, predicted: Places) -> dict[str, Any]:
    """accuracy, macro_f1, macro_recall, per_class (precision, recall, f1, rows) and confusion[truth][predicted]."""
    counts = confusion(truth, predicted)
    hits, rows, called = np.diag(counts), counts.sum(1), counts.sum(0)
    precision, recall = hits / np.maximum(called, 1), hits / np.maximum(rows, 1)
    f1 = 2 * hits / np.maximum(rows + called, 1)
    present = rows > 0
    return {
        "accuracy": float(hits.sum() / max(len(truth), 1)),
        "macro_f1": macro_f1(truth, predicted),
        "macro_recall": float(recall[present].mean()) if present.any() else 0.0,
        "per_class": {
            label: {
                "precision": float(precision[place]),
                "recall": float(recall[place]),
                "f1": float(f1[place]),
                "rows": int(rows[place]),
            }
            for place, label in enumerate(LABELS)
        },
        "confusion": {
            label: dict(zip(LABELS, map(int, counts[place]), strict=True)) for place, label in enumerate(LABELS)
        },
    }


def interval(truth: Places, predicted: Places, seed: int = 0) -> tuple[float, float]:
    """The 95 % bootstrap interval of macro-F1; (0, 0) for no rows."""
    if not len(truth):
        return 0.0, 0.0
    scores = _macro_f1(_resampled(truth, predicted, _draws(len(truth), seed)))
    low, high = np.quantile(scores, (0.025, 0.975))
    return float(low), float(high)


def paired_bootstrap(truth: Places, champion: Places, challenger: Places, seed: int = 0) -> tuple[float, float, float]:
    """Macro-F1 of the challenger minus that of the champion on the same rows: (difference, low, high), 95 %."""
    draws = _draws(len(truth), seed)
    gains = _macro_f1(_resampled(truth, challenger, draws)) - _macro_f1(_resampled(truth, champion, draws))
    low, high = np.quantile(gains, (0.025, 0.975))
    return macro_f1(truth, challenger) - macro_f1(truth, champion), float(low), float(high)


def calibration_curve(
    right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float64], bins: int = 10
) -> list[tuple[float, float, int]]:
    """(mean confidence, share of right predictions, rows) for each bin of confidence that has rows."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        (float(confidence[place == b].mean()), float(right[place == b].mean()), int((place == b).sum()))
        for b in range(bins)
        if (place == b).any()
    ]


def calibration_error(right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float64], bins: int = 10) -> float:
    """Expected calibration error: mean difference of confidence and share right, over bins weighted by rows."""
    curve = calibration_curve(right, confidence, bins)
    return sum(abs(sure - share) * rows for sure, share, rows in curve) / max(len(right), 1)


def _draws(rows: int, seed: int) -> npt.NDArray[np.intp]:
    return np.random.default_rng(seed).integers(0, rows, (RESAMPLES, rows))


def _resampled(truth: Places, predicted: Places, draws: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """(resamples, 3, 3) confusion counts."""
    size = len(LABELS)
    cell = truth * size + predicted
    counts = np.stack([np.bincount(cell[draw], minlength=size * size) for draw in draws])
    return counts.reshape(-1, size, size)


def _macro_f1(counts: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    hits = np.einsum("rcc->rc", counts)
    both = counts.sum(1) + counts.sum(2)
    f1 = 2 * hits / np.maximum(both, 1)
    present = np.maximum((both > 0).sum(1), 1)
    mean: npt.NDArray[np.float64] = f1.sum(1) / present
    return mean
