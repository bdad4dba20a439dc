"""What a second model does on the held-out texts: calibration, the cascade's bound, quality, cost."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from model.dataset import Row
from model.errors import UsageError
from model.evaluation import held_out, metrics
from model.evaluation.held_out import HeldOutResult
from model.runtime import LABELS, Scorer, second
from model.runtime.scores import Chances, scores_of, softmax
from model.runtime.second import Second
from model.settings import Progress

# A slow model reads this many held-out texts, so that an import takes minutes.
MAX_TEXTS = 4000
GROUP = 100
# Another order of the labels that does so much better than the one given: the given one is wrong.
CLEARLY_BETTER = 0.15
# EMR Serverless in us-east-1, a vCPU with the 2.5 GB that the project's executors have (deploy/infra/prices.toml).
USD_PER_VCPU_HOUR = 0.067

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Measured:
    """Both models on n rows: the linear one's probabilities and the second one's logits, (n, 3), and their labels.

    `served`: (n,) whether the version serves the text's language. `linear_us`, `second_us`: processor microseconds a
    text; `load_s`: seconds until the second model was ready.
    """

    linear: Chances
    logits: npt.NDArray[np.float64]
    truth: Places
    served: npt.NDArray[np.bool_]
    linear_us: float
    second_us: float
    load_s: float


def measure(bundle: Path, made: Second, rows: Sequence[Row], progress: Progress) -> Measured:
    """Run both models of a bundle on the rows. Raises UsageError if the second one fails."""
    linear = Scorer.load(bundle)
    texts = [row.text for row in rows]
    chances, languages = linear.chances(texts)
    begun = time.monotonic()
    try:
        run = second.load(bundle, made)
        run(["a text"], chances[:1])
        load_s = time.monotonic() - begun
        logits, second_us = _timed(run, texts, chances, progress)
    except Exception as error:  # a model is anybody's code
        raise UsageError(f"the model fails on ordinary texts: {error}") from error
    truth = np.array([LABELS.index(row.label) for row in rows])
    served = made.serves(languages)
    return Measured(chances, logits, truth, served, held_out.speed(linear, texts), second_us, load_s)


def _timed(
    run: second.Logits, texts: Sequence[str], chances: Chances, progress: Progress
) -> tuple[npt.NDArray[np.float64], float]:
    """Logits of all texts, and the processor microseconds of one: the median over groups of texts."""
    parts, costs, begun = [], [], time.monotonic()
    for start in range(0, len(texts), GROUP):
        some = slice(start, start + GROUP)
        before = time.process_time()
        parts.append(run(texts[some], chances[some]))
        costs.append((time.process_time() - before) / len(texts[some]) * 1e6)
        left = (time.monotonic() - begun) / (start + GROUP) * max(len(texts) - start - GROUP, 0)
        if start % (5 * GROUP) == 0:
            progress(f"second model: {min(start + GROUP, len(texts))} of {len(texts)} texts, {left:.0f} s left")
    logits = np.concatenate(parts)
    if logits.shape != (len(texts), len(LABELS)) or not np.isfinite(logits).all():
        raise ValueError(f"{len(texts)} texts gave values of shape {logits.shape}, expected 3 numbers for each")
    return logits, float(np.median(costs))


def check_labels(found: Measured) -> None:
    """Raise UsageError if the labels would fit far better in another order: then they were named wrongly."""
    predicted = found.logits.argmax(1)
    scores = {
        order: metrics.macro_f1(found.truth, np.array(order)[predicted]) for order in itertools.permutations(range(3))
    }
    best, given = max(scores, key=lambda order: scores[order]), scores[0, 1, 2]
    if scores[best] > given + CLEARLY_BETTER:
        renamed = ", ".join(
            f"{LABELS[place]} means {LABELS[best[place]]}" for place in range(3) if best[place] != place
        )
        raise UsageError(
            f"the labels seem to be in another order: macro-F1 on the held-out texts is {given:.2f}, but "
            f"{scores[best]:.2f} if {renamed} (--labels)"
        )


def with_confusion(made: Second, found: Measured) -> tuple[Second, Measured]:
    """Probabilities for a model that gives labels only: how often each label was right, and what else it was."""
    if not (np.sort(softmax(found.logits), 1)[:, 1] < 1e-4).all():
        return made, found
    said = found.logits.argmax(1)
    counts = metrics.confusion(found.truth, said).T + 1.0
    table = counts / counts.sum(1, keepdims=True)
    confusion = tuple(tuple(map(float, row)) for row in table)
    return replace(made, confusion=confusion), replace(found, logits=np.log(table)[said])


def slope(logits: npt.NDArray[np.float64], truth: Places) -> float:
    """What the logits are multiplied by, so that confidence matches the share of right predictions."""

    def loss(exponent: float) -> float:
        return float(-np.log(softmax(logits * np.exp(exponent))[np.arange(len(truth)), truth] + 1e-12).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def below(found: Measured, budget_us: float) -> float:
    """The linear confidence below which the second model decides, so that a text costs the budget on average.

    Raises UsageError if the budget does not pay for the linear model.
    """
    if budget_us <= found.linear_us:
        raise UsageError(
            f"--cascade-budget-us is {budget_us:g}, but the linear model alone takes {found.linear_us:.1f} us a text"
        )
    share = (budget_us - found.linear_us) / found.second_us
    sure = np.sort(found.linear.max(1)[found.served])
    place = int(share * len(found.truth))
    return float(sure[place]) if place < len(sure) else 2.0


def result(made: Second, found: Measured, rows: Sequence[Row]) -> tuple[HeldOutResult, dict[str, float]]:
    """The version's results, and what it costs. Confidence as if calibrated on other texts: each half by the other."""
    chosen = (found.linear.max(1) < made.below) & found.served
    chances = found.linear.copy()
    half = np.arange(len(rows)) % 2 == 0
    for own, other in ((half, ~half), (~half, half)):
        factor = 1.0 if made.confusion else slope(found.logits[other], found.truth[other])
        chances[own & chosen] = softmax(found.logits[own & chosen] * factor)
    share = float(chosen.mean())
    us = found.linear_us + share * found.second_us
    cost = {
        "share_by_second": share,
        "microseconds_linear": found.linear_us,
        "microseconds_second": found.second_us,
        "load_seconds": found.load_s,
        "usd_per_million_texts": us / 3600 * USD_PER_VCPU_HOUR,
    }
    return held_out.result_of(rows, scores_of(chances), us), cost


def calibrated(made: Second, found: Measured, budget_us: float | None) -> Second:
    """The second model with its slope (1 where it gives labels only) and, for a cascade, its bound."""
    bound = 2.0 if budget_us is None else below(found, budget_us)
    factor = 1.0 if made.confusion else slope(found.logits, found.truth)
    return replace(made, slope=factor, below=bound)
