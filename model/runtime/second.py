"""The second model of a version: an ONNX classifier, an encoder with a head, or a user's own MLflow model.

The folder `second` of a bundle holds `second.json` (the fields of Second) and the model's files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .onnx_texts import OnnxTexts
from .scores import LABELS, Chances, softmax

FOLDER, FILE, HEAD, PYFUNC = "second", "second.json", "head.npz", "pyfunc"
EVERY = "*"
_SMALLEST = 1e-6

# Texts and what the linear model says of them, (n, 3), to logits (n, 3).
Logits = Callable[[Sequence[str], Chances], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Second:
    """How a second model is run, and when.

    `kind`: `classifier` (its ONNX `output` has a logit for each of `classes`), `head` (its `output` has a vector for
    each token; `head.npz` says what follows from them) or `pyfunc`. `name`: what `scored_by` says. `classes`: for each
    output of a classifier, the place of its label in LABELS; of two outputs with one label the probabilities are added.
    `probabilities`: whether the outputs are probabilities already.
    `confusion`: for a model that gives labels only, how probable each label is where it says another, (3, 3).
    `slope`: what calibrated logits are multiplied by. `below`: texts of which the linear model is less sure are given
    to the second one; above 1 means all. `languages`: codes, or EVERY.
    """

    kind: str
    name: str
    languages: tuple[str, ...]
    output: str = ""
    classes: tuple[int, ...] = ()
    probabilities: bool = False
    max_tokens: int = 128
    masked: bool = False
    prefix: str = ""
    confusion: tuple[tuple[float, ...], ...] = ()
    slope: float = 1.0
    below: float = 2.0

    def serves(self, languages: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
        """(n,) which texts the version scores, by their languages."""
        served: npt.NDArray[np.bool_] = np.isin(languages.astype(str), [*self.languages, "und"])
        return served | (EVERY in self.languages)

    def save(self, bundle: Path) -> None:
        """Write `second.json` into the bundle."""
        (bundle / FOLDER).mkdir(exist_ok=True)
        (bundle / FOLDER / FILE).write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def read(cls, bundle: Path) -> Second | None:
        """The bundle's second model; None if it has none."""
        path = bundle / FOLDER / FILE
        if not path.is_file():
            return None
        found = json.loads(path.read_text("utf-8"))
        found = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
        return cls(**found)


def load(bundle: Path, second: Second) -> Logits:
    """Load the files of a second model, as a function; raises what the model's own code raises."""
    folder = bundle / FOLDER
    if second.kind == "pyfunc":
        return _pyfunc(folder / PYFUNC, second)
    texts = OnnxTexts.load(folder, second.max_tokens, masked=second.masked, prefix=second.prefix)
    if second.kind == "classifier":
        return partial(_classified, texts, second)
    with np.load(folder / HEAD, allow_pickle=False) as stored:
        return partial(_headed, texts, second, dict(stored))


def _classified(texts: OnnxTexts, second: Second, given: Sequence[str], _: Chances) -> npt.NDArray[np.float64]:
    rows = [row.astype(np.float64).ravel() for row in texts.outputs(given, second.output)]
    outputs = np.stack(rows) if rows else np.zeros((0, len(second.classes)))
    chances = outputs if second.probabilities else softmax(outputs)
    summed = np.stack([chances[:, np.array(second.classes) == place].sum(1) for place in range(len(LABELS))], 1)
    logits: npt.NDArray[np.float64] = np.log(np.maximum(summed, _SMALLEST))
    return logits


def pooled(states: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(2d,) of a text's token vectors (t, d): their mean, and the first."""
    joined: npt.NDArray[np.float32] = np.concatenate([states.mean(0), states[0]])
    return joined


def _headed(
    texts: OnnxTexts, second: Second, head: Mapping[str, npt.NDArray[Any]], given: Sequence[str], linear: Chances
) -> npt.NDArray[np.float64]:
    rows = [pooled(states) for states in texts.outputs(given, second.output)]
    vectors = np.stack(rows) if rows else np.zeros((0, len(head["vectors"])))
    return head_logits(head, vectors, linear)


def head_logits(
    head: Mapping[str, npt.NDArray[Any]], vectors: npt.NDArray[Any], linear: Chances
) -> npt.NDArray[np.float64]:
    """(n, 3) from vectors (n, 2d) and the linear model's probabilities (n, 3), which count as logits."""
    logits: npt.NDArray[np.float64] = (
        vectors @ head["vectors"] + np.log(np.maximum(linear, _SMALLEST)) @ head["linear"] + head["bias"]
    )
    return logits


def _pyfunc(folder: Path, second: Second) -> Logits:
    """A user's MLflow model as a function. MLflow is there already: it has loaded the version."""
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)
    schema = model.metadata.get_input_schema()
    named = schema.input_names()[0] if schema is not None and schema.has_input_names() else None

    def logits(texts: Sequence[str], _: Chances) -> npt.NDArray[np.float64]:
        given = pd.DataFrame({named: list(texts)}) if named else list(texts)
        chances = chances_of(model.predict(given))
        if second.confusion:
            chances = np.array(second.confusion)[chances.argmax(1)]
        logged: npt.NDArray[np.float64] = np.log(np.maximum(chances, _SMALLEST))
        return logged

    return logits


def chances_of(answer: Any) -> Chances:
    """(n, 3) from what a pyfunc returns: a frame or a list of records with sentiment, polarity and confidence, or with
    label and score; probabilities (n, 3) or a column for each label; or labels alone.

    Raises ValueError for anything else.
    """
    import pandas as pd

    if isinstance(answer, np.ndarray) and answer.ndim == 2 and answer.dtype.kind == "f":
        return _checked(answer.astype(np.float64))
    frame = answer if isinstance(answer, pd.DataFrame) else pd.DataFrame(answer)
    names = {str(name).lower(): name for name in frame.columns}
    if {*LABELS} <= {*names}:
        return _checked(frame[[names[label] for label in LABELS]].to_numpy(np.float64))
    said = names.get("sentiment", names.get("label", frame.columns[0] if len(names) == 1 else None))
    if said is None:
        raise ValueError(f"received the columns {[*names]}, expected sentiment or label, or {', '.join(LABELS)}")
    places = _places(frame[said])
    if {"polarity", "confidence"} <= {*names}:
        return _from_polarity(places, *(frame[names[each]].to_numpy(np.float64) for each in ("polarity", "confidence")))
    if "score" in names:
        sure = frame[names["score"]].to_numpy(np.float64)[:, None]
        return _checked(np.where(places[:, None] == np.arange(3), sure, (1 - sure) / 2))
    certain: Chances = np.eye(len(LABELS))[places]
    return certain


def _places(said: Any) -> npt.NDArray[np.intp]:
    known = {label: place for place, label in enumerate(LABELS)}
    words = [str(word).strip().lower() for word in said]
    if unknown := sorted({*words} - {*known}):
        raise ValueError(f"received the labels {', '.join(unknown[:5])}, expected {', '.join(LABELS)}")
    return np.array([known[word] for word in words], np.intp)


def _from_polarity(
    places: npt.NDArray[np.intp], polarity: npt.NDArray[np.float64], confidence: npt.NDArray[np.float64]
) -> Chances:
    """The probabilities that give this polarity, and to the label at its place this confidence."""
    neutral = np.where(places == 1, confidence, 1 - 2 * confidence + np.where(places == 2, polarity, -polarity))
    rest = 1 - neutral
    return _checked(np.stack([(rest - polarity) / 2, neutral, (rest + polarity) / 2], 1))


def _checked(chances: Chances) -> Chances:
    """Probabilities with the sum 1, small errors of rounding taken off; raises ValueError if they are none."""
    if chances.shape[1] != len(LABELS) or not np.isfinite(chances).all() or (chances < -0.01).any():
        raise ValueError(f"received an array of shape {chances.shape}, expected probabilities of {', '.join(LABELS)}")
    clipped: Chances = np.maximum(chances, _SMALLEST)
    clipped /= clipped.sum(1, keepdims=True)
    return clipped
