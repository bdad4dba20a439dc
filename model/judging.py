"""How a bundle does on rows that it has not seen: quality by source and slice, calibration, speed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model import metrics
from model.rows import Row
from model.runtime import LABELS, Scorer

SPEED_TEXTS = 4000


@dataclass(frozen=True)
class Verdict:
    """Macro-F1 with 95 % interval on the held-out tweets (the gate's measure), by source, and microseconds a text."""

    macro_f1: float
    low: float
    high: float
    by_source: dict[str, float]
    calibration_error: float
    microseconds: float

    def metrics(self) -> dict[str, float]:
        """For the tracking server."""
        sources = {f"held_out_macro_f1_{source}": value for source, value in self.by_source.items()}
        return {
            "held_out_macro_f1": self.macro_f1,
            "held_out_macro_f1_low": self.low,
            "held_out_macro_f1_high": self.high,
            "calibration_error": self.calibration_error,
            "microseconds_per_text": self.microseconds,
            **sources,
        }

    def tags(self) -> dict[str, str]:
        """What promotion reads from the registered version."""
        return {name: f"{value:.4f}" for name, value in self.metrics().items()}


def judge(bundle: Path, rows: Sequence[Row]) -> Verdict:
    """Score the rows with the bundle's own data and compare."""
    scorer = Scorer.load(bundle)
    texts = [row.text for row in rows]
    scores = scorer.score(texts)
    truth = np.array([LABELS.index(row.label) for row in rows])
    source = np.array([row.source for row in rows])
    low, high = metrics.interval(truth, scores.label)
    return Verdict(
        macro_f1=metrics.macro_f1(truth, scores.label),
        low=low,
        high=high,
        by_source={
            name: metrics.macro_f1(truth[source == name], scores.label[source == name]) for name in sorted(set(source))
        },
        calibration_error=metrics.calibration_error(scores.label == truth, scores.confidence),
        microseconds=speed(scorer, texts[:SPEED_TEXTS]),
    )


def speed(scorer: Scorer, texts: Sequence[str]) -> float:
    """Processor microseconds a text, warm, the best of three rounds on one thread."""
    rounds = []
    for _ in range(3):
        begun = time.process_time()
        scorer.score(texts)
        rounds.append((time.process_time() - begun) / max(len(texts), 1) * 1e6)
    return min(rounds)
