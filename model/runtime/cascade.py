"""A version of two models: the linear one reads every text, the second one those of which it is not sure enough.

Which model decides follows from the text alone, never from the texts around it or from the time of day, so a
micro-batch that is scored again gets the same scores. See docs/decisions/027-an-encoder-beside-the-linear-model.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import second as seconds
from .drift import Profile
from .scorer import Scorer
from .scores import Chances, Scores, as_text, explained, scores_of, softmax
from .second import Logits, Second

LINEAR = "linear"


class Cascade:
    """The same methods as Scorer, which the linear model is one of."""

    def __init__(self, linear: Scorer, second: Second, logits: Logits) -> None:
        self.linear = linear
        self.second = second
        self.languages = second.languages
        self._logits = logits

    @classmethod
    def load(cls, bundle: str | Path) -> Scorer | Cascade:
        """The version of a bundle's folder: a Scorer where it holds no second model."""
        linear, second = Scorer.load(bundle), Second.read(Path(bundle))
        return linear if second is None else cls(linear, second, seconds.load(Path(bundle), second))

    def score(self, texts: Sequence[Any]) -> Scores:
        """Score any number of texts, like `Scorer.score`."""
        return scores_of(self.chances(texts)[0])

    def columns(self, texts: Sequence[Any]) -> dict[str, npt.NDArray[Any]]:
        """The columns of `Scorer.columns`, and `scored_by`: `linear`, or the name of the second model."""
        chances, languages, by_second = self.chances(texts)
        scored_by = np.where(by_second, self.second.name, LINEAR).astype(object)
        return {**scores_of(chances).columns(), "language": languages, "scored_by": scored_by}

    def chances(self, texts: Sequence[Any]) -> tuple[Chances, npt.NDArray[np.object_], npt.NDArray[np.bool_]]:
        """(n, 3) the probability of each label; (n,) the language; (n,) whether the second model decided."""
        clean = [as_text(text) for text in texts]
        chances, languages = self.linear.chances(clean)
        chosen = (chances.max(1) < self.second.below) & self.second.serves(languages)
        places = np.flatnonzero(chosen)
        if len(places):
            given = [clean[place] for place in places]
            chances[places] = softmax(self._logits(given, chances[places]) * self.second.slope)
        return chances, languages, chosen

    def explain(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """The terms that decided, like `Scorer.explain`."""
        return explained(self.score, text, most)

    def profile(self, texts: Sequence[Any]) -> Profile:
        """Histograms for `drift.compare`, by the linear model: they are to show that texts changed, and cost little."""
        return self.linear.profile(texts)
