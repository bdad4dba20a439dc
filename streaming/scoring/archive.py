"""A model version as a tar archive: unpacked, loaded, and checked with a few texts before it serves."""

from __future__ import annotations

import io
import tarfile
import tempfile
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from streaming.errors import ModelUnusable

Predict = Callable[[Sequence[str]], pd.DataFrame]

SENTIMENTS = ("negative", "neutral", "positive")
SCORES = ("sentiment", "polarity", "confidence")
# What a version says that serves texts in all languages, or that was registered before languages were told apart.
EVERY = "*"
UNDETERMINED = "und"
# Every version must score these before it serves: empty, odd and ordinary texts.
PROBES = ("", "good", "not bad at all 😀", "worst. update. ever.", "\x00\u200f", "a" * 10_000)

# MLflow passes a model that is loaded from code through a global variable: two threads would swap their models.
_loading = threading.Lock()


class Model(NamedTuple):
    """A loaded version as a function from texts to scores, and the codes of the languages that it serves (or EVERY)."""

    predict: Predict
    languages: frozenset[str] = frozenset({EVERY})


def checked_model(archive: bytes, version: str) -> Predict:
    """The archive's model as a function from texts to scores; raises ModelUnusable if it does not score PROBES."""
    try:
        predict = model_of(archive).predict
        check_scores(PROBES, predict(PROBES))
    except Exception as error:
        raise ModelUnusable(f"version {version}: {error}") from error
    return predict


def check_scores(texts: Sequence[str], scores: pd.DataFrame) -> None:
    """Raise ModelUnusable unless there is one valid score for each text."""
    missing = {*SCORES} - {*scores.columns}
    if missing or len(scores) != len(texts):
        raise ModelUnusable(f"{len(texts)} texts gave {len(scores)} rows; columns missing: {sorted(missing)}")
    if not scores["sentiment"].isin(SENTIMENTS).all():
        raise ModelUnusable(
            f"labels {sorted(map(str, set(scores['sentiment']) - set(SENTIMENTS)))} are none of {SENTIMENTS}"
        )
    for name, low in (("polarity", -1.0), ("confidence", 0.0)):
        if not scores[name].astype(float).between(low, 1.0).all():
            raise ModelUnusable(f"{name} is not everywhere a number from {low} to 1")


def model_of(archive: bytes) -> Model:
    """The archive's model; raises what MLflow or the model's own code raises."""
    loaded = _loaded(archive)
    model = loaded.unwrap_python_model()
    return Model(lambda texts: model.predict(None, list(texts)), languages_of(loaded))


def languages_of(loaded: Any) -> frozenset[str]:
    """The languages that a loaded pyfunc model serves, by the metadata of its MLmodel file."""
    return frozenset((loaded.metadata.metadata or {}).get("languages") or [EVERY])


def unpacked(archive: bytes) -> Any:
    """The archive's model object with all its methods; raises what MLflow or the model's own code raises."""
    return _loaded(archive).unwrap_python_model()


def _loaded(archive: bytes) -> Any:
    """The archive's pyfunc model, which has scored PROBES.

    Its files are deleted when this returns, because a worker may be killed before it could clean up. A model must
    therefore read its files when it is loaded, or at the latest when it scores its first texts.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory(prefix="moodstream-model-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        # The driver has warned about library versions that differ; checking them takes longer than everything else.
        with _loading:
            loaded = mlflow.pyfunc.load_model(folder, suppress_warnings=True)
        loaded.unwrap_python_model().predict(None, list(PROBES))
    return loaded


def score_texts(predict: Predict, texts: pd.Series) -> pd.DataFrame:
    """Sentiment, polarity, confidence, language and scored_by of each text, nulls for a null text.

    Each distinct text is scored once. The language is UNDETERMINED where the version does not tell languages apart, and
    scored_by null where it has one model only.
    """
    codes, distinct = pd.factorize(texts)
    scores = predict(list(distinct)) if len(distinct) else pd.DataFrame(columns=[*SCORES])
    check_scores(list(distinct), scores)
    told = scores["language"] if "language" in scores else pd.Series(UNDETERMINED, scores.index, dtype=object)
    frame = scores[[*SCORES]].assign(language=told.fillna(UNDETERMINED))
    frame["scored_by"] = scores.get("scored_by")
    frame = frame.reset_index(drop=True).reindex(codes).reset_index(drop=True)
    return frame.astype({**dict.fromkeys(frame.columns, object), "polarity": float, "confidence": float})
