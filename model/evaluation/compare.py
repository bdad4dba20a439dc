"""Compares a version on labelled texts with two baselines: the lexicon scorers that are most often tried first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from model.champion import Champion
from model.evaluation import metrics
from model.evaluation.metrics import Places
from model.runtime import LABELS
from model.settings import Progress


def vader(texts: Sequence[str]) -> Places:
    """(n,) VADER's sentiments as places in LABELS; the thresholds are its authors' (compound ±0.05)."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    compound = SentimentIntensityAnalyzer().polarity_scores
    scores = np.array([compound(text)["compound"] for text in texts])
    return np.where(scores >= 0.05, 2, np.where(scores <= -0.05, 0, 1))


def textblob(texts: Sequence[str]) -> Places:
    """(n,) TextBlob's sentiments as places in LABELS: the sign of its polarity."""
    from textblob import TextBlob

    scores = np.array([TextBlob(text).sentiment.polarity for text in texts])
    return np.where(scores > 0, 2, np.where(scores < 0, 0, 1))


BASELINES: dict[str, Callable[[Sequence[str]], Places]] = {"vader": vader, "textblob": textblob}


def compare(champion: Champion, rows: Sequence[tuple[str, str]], progress: Progress) -> dict[str, Any]:
    """Score (text, label) rows with a version and each baseline; returns metrics.summary of all of them.

    `gain` is the version's macro-F1 minus the baseline's, with the 95 % interval of a paired bootstrap.
    """
    texts = [text for text, _ in rows]
    truth = np.array([LABELS.index(label) for _, label in rows])
    progress(f"scoring {len(rows)} texts with version {champion.version}")
    ours = champion.scorer.score(texts).label
    report: dict[str, Any] = {"rows": len(rows), **metrics.summary(truth, ours)}
    report["macro_f1_interval"] = metrics.interval(truth, ours)
    report["model_version"] = champion.version
    report["baselines"] = {}
    for name, predict in BASELINES.items():
        progress(f"scoring them with {name}")
        theirs = predict(texts)
        difference, low, high = metrics.paired_bootstrap(truth, theirs, ours)
        report["baselines"][name] = {
            **metrics.summary(truth, theirs),
            "gain": {"macro_f1": difference, "low": low, "high": high},
        }
    return report


def as_text(report: dict[str, Any]) -> str:
    """The report as lines of text."""
    low, high = report["macro_f1_interval"]
    lines = [
        f"{report['rows']} texts, model version {report['model_version']}",
        f"{'':10} macro-F1  accuracy  macro-recall",
        _line("champion", report) + f"   95 %: {low:.3f} to {high:.3f}",
    ]
    for name, found in report["baselines"].items():
        gain = found["gain"]
        lines.append(
            _line(name, found) + f"   champion {gain['macro_f1']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
        )
    lines += [f"\n{'truth':10}{''.join(f'{label:>10}' for label in LABELS)}   predicted"]
    for label, predicted in report["confusion"].items():
        lines.append(f"{label:10}{''.join(f'{count:>10}' for count in predicted.values())}")
    return "\n".join(lines)


def _line(name: str, found: dict[str, Any]) -> str:
    return f"{name:10} {found['macro_f1']:8.3f}  {found['accuracy']:8.3f}  {found['macro_recall']:12.3f}"
