"""From probabilities to what is served: label, polarity, confidence; and which words of a text decided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

LABELS = ("negative", "neutral", "positive")
MAX_CHARACTERS = 20_000

Chances = npt.NDArray[np.float64]
_NAMES = np.array(LABELS, dtype=object)


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

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The columns sentiment, polarity, confidence."""
        return {"sentiment": self.sentiment, "polarity": self.polarity, "confidence": self.confidence}


def scores_of(chances: Chances) -> Scores:
    """The scores of n texts by the probabilities of their labels, (n, 3)."""
    label = chances.argmax(1)
    return Scores(label, chances[:, 2] - chances[:, 0], chances[np.arange(len(label)), label])


def softmax(logits: npt.NDArray[np.floating[Any]]) -> Chances:
    """(n, 3) probabilities of logits of this shape."""
    raised = np.exp((logits - logits.max(1, keepdims=True)).astype(np.float64))
    chances: Chances = raised / raised.sum(1, keepdims=True)
    return chances


def explained(score: Callable[[Sequence[str]], Scores], text: str, most: int) -> list[tuple[str, float]]:
    """The `most` terms that decided what `score` says of a text, see `Scorer.explain`."""
    chunks = text[:MAX_CHARACTERS].split()[:200]
    without = [" ".join(chunks[:place] + chunks[place + 1 :]) for place in range(len(chunks))]
    polarity = score([" ".join(chunks), *without]).polarity
    effects = polarity[0] - polarity[1:]
    order = sorted(range(len(chunks)), key=lambda place: -abs(effects[place]))
    return [(chunks[place], float(effects[place])) for place in order[:most] if abs(effects[place]) >= 0.01]


def as_text(value: Any) -> str:
    """A text as it stands; null as an empty text, anything else as what it prints."""
    if type(value) is str:
        return value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return "" if type(value).__name__ in ("NAType", "NaTType") else str(value)
