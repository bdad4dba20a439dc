"""Figures of a training run or of many texts, drawn into PNG files without a display.

Colours are the same everywhere: negative orange, neutral grey, positive blue. Colour-blind people can distinguish them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from model.evaluation import metrics
from model.runtime import LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"negative": "#d55e00", "neutral": "#8c8c8c", "positive": "#0072b2"}
CLOUD_WORDS = 120


def _figure(width: float = 5, height: float = 4) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")  # no pyplot: nothing global, no display
    return figure, figure.add_subplot()


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=120)
    return path


def confusion_matrix(counts: npt.NDArray[np.intp], path: Path) -> Path:
    """Confusion `counts` (3, 3): rows are labels, columns predictions; cells show counts and shares of their row."""
    figure, axes = _figure()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(column, row, f"{count}\n{share:.0%}", ha="center", va="center", color="w" if share > 0.5 else "k")
    axes.set(xticks=range(3), yticks=range(3), xticklabels=LABELS, yticklabels=LABELS)
    axes.set(xlabel="predicted", ylabel="label", title="Confusion on held-out texts")
    return _save(figure, path)


def calibration_curve(right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.float64], path: Path) -> Path:
    """Share of right predictions by confidence."""
    figure, axes = _figure()
    sure, share, rows = zip(*metrics.calibration_curve(right, confidence), strict=True)
    axes.plot([0.3, 1], [0.3, 1], "--", color="#8c8c8c", label="perfect")
    axes.plot(sure, share, "o-", color=COLOURS["positive"], label=f"{sum(rows)} held-out texts")
    axes.set(xlabel="confidence", ylabel="share right", title="Calibration")
    axes.legend()
    return _save(figure, path)


def learning_curve(points: Mapping[int, float], path: Path) -> Path:
    """Macro-F1 on the held-out texts by the number of training texts."""
    figure, axes = _figure()
    axes.plot(list(points), list(points.values()), "o-", color=COLOURS["positive"])
    axes.set(xlabel="training texts", ylabel="macro-F1", title="Learning curve")
    return _save(figure, path)


def slices(scores: Mapping[str, tuple[float, int]], path: Path) -> Path:
    """Macro-F1 and number of texts of each slice."""
    figure, axes = _figure(6, 0.32 * len(scores) + 1)
    names = list(scores)[::-1]
    axes.barh(names, [scores[name][0] for name in names], color=COLOURS["positive"])
    for place, name in enumerate(names):
        axes.text(0.01, place, f"{scores[name][1]} texts", va="center", color="w", fontsize=7)
    axes.set(xlim=(0, 1), xlabel="macro-F1", title="By slice")
    return _save(figure, path)


def distributions(label: npt.NDArray[np.intp], polarity: npt.NDArray[np.float64], path: Path) -> Path:
    """Histogram of polarity, stacked by sentiment."""
    figure, axes = _figure(6, 3.5)
    parts = [polarity[label == place] for place in range(len(LABELS))]
    axes.hist(
        parts, bins=np.linspace(-1, 1, 41).tolist(), stacked=True, color=list(COLOURS.values()), label=list(LABELS)
    )
    axes.set(xlabel="polarity", ylabel="texts", title="Sentiment distribution")
    axes.legend()
    return _save(figure, path)


def word_cloud(weights: Mapping[str, float], label: str, path: Path, seed: int = 7) -> Path | None:
    """The words of a sentiment, sized by how typical they are; None if there are no words."""
    from wordcloud import WordCloud

    positive = {word: weight for word, weight in weights.items() if weight > 0}
    if not positive:
        return None
    colour = COLOURS[label]

    def coloured(*_: Any, **__: Any) -> str:
        return colour

    cloud = WordCloud(
        width=800, height=500, background_color="white", max_words=CLOUD_WORDS, random_state=seed, color_func=coloured
    )
    cloud.generate_from_frequencies(positive).to_file(str(path))
    return path


def typical_words(texts: Sequence[Sequence[str]], label: npt.NDArray[np.intp]) -> dict[str, dict[str, float]]:
    """Sentiment -> word -> how much more often it occurs there than elsewhere (weighted log odds above 1).

    `texts` are lists of words. The prior is the word's share of all texts (Monroe et al., "Fightin' Words").
    """
    from collections import Counter

    counts = [Counter[str]() for _ in LABELS]
    for words, place in zip(texts, label, strict=True):
        counts[place].update(set(words))
    everywhere = sum(counts, Counter[str]())
    total = sum(everywhere.values())
    found: dict[str, dict[str, float]] = {}
    for place, name in enumerate(LABELS):
        here, n_here = counts[place], sum(counts[place].values())
        found[name] = {}
        for word, count in everywhere.items():
            if count < 5 or len(word) < 3:
                continue
            prior = 500 * count / total
            inside, outside = here[word] + prior, count - here[word] + prior
            rest_in, rest_out = n_here + 500 - inside, total - n_here + 500 - outside
            odds = np.log(inside / rest_in) - np.log(outside / rest_out)
            score = float(odds / np.sqrt(1 / inside + 1 / outside))
            if score > 1:
                found[name][word] = score
    return found
