"""What the model has to beat: the two lexicon scorers that everyone reaches for first.

Each returns places in LABELS. VADER's thresholds are its authors' (compound ±0.05); TextBlob's sign is its label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]


def vader(texts: Sequence[str]) -> Places:
    """VADER's labels."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    compound = SentimentIntensityAnalyzer().polarity_scores
    scores = np.array([compound(text)["compound"] for text in texts])
    return np.where(scores >= 0.05, 2, np.where(scores <= -0.05, 0, 1))


def textblob(texts: Sequence[str]) -> Places:
    """TextBlob's labels."""
    from textblob import TextBlob

    scores = np.array([TextBlob(text).sentiment.polarity for text in texts])
    return np.where(scores > 0, 2, np.where(scores < 0, 0, 1))


BASELINES: dict[str, Callable[[Sequence[str]], Places]] = {"vader": vader, "textblob": textblob}
