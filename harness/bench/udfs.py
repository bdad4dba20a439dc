"""Functions of `moodstream bench scoring` that run in Spark's Python workers; each worker loads models once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pandas as pd


def champion(folder: str) -> Callable[[Iterator[pd.Series]], Iterator[pd.DataFrame]]:
    """The registered model in `folder`, called as the streaming job calls it."""

    def score(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        model = _loaded(folder)
        for texts in batches:
            yield model.predict(None, texts.tolist())

    return score


@cache
def _loaded(folder: str) -> Any:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(folder).unwrap_python_model()


@cache
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def vader(text: str) -> float:
    """VADER's compound score of one row."""
    return float(_analyzer().polarity_scores(text)["compound"])


def textblob(text: str) -> float:
    """TextBlob's polarity of one row."""
    from textblob import TextBlob

    return float(TextBlob(text).sentiment.polarity)


def length(texts: pd.Series) -> pd.Series:
    """The cheapest pandas UDF: its time is that of Spark, Arrow and pandas."""
    return texts.str.len()
