"""In-stream scoring with the registered champion, pinned per micro-batch.

The alias is resolved once per batch and the version written down before the batch is scored, so that a replay scores
with the model it had. The driver fetches, tries and keeps a copy of each version; executors get the copy by broadcast
and load it once per worker: neither a moved alias nor an outage of the registry restarts or stops anything.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol

import pandas as pd
from pyspark import Broadcast
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import StructType

from streaming.errors import ModelUnusable, SinkUnavailable
from streaming.files import Files
from streaming.tables.columns import SENTIMENT_FIELDS

log = logging.getLogger(__name__)

CHAMPION, CHALLENGER = "champion", "challenger"
LABELS = ("negative", "neutral", "positive")
SCORE = StructType(SENTIMENT_FIELDS[:3])
# What a version must survive before it serves: empty, odd and ordinary texts.
PROBES = ("", "good", "not bad at all 😀", "worst. update. ever.", "\x00\u200f", "a" * 10_000)

# Seconds before an unreachable registry is asked again.
PAUSE_AFTER_FAILURE = 10.0


class Registry(Protocol):
    """Where versions come from; MlflowRegistry in earnest."""

    def champion(self) -> str:
        """The version that the alias names now; raises any exception when it cannot be told."""
        ...

    def download(self, version: str) -> bytes:
        """The version's artefact as a tar archive."""
        ...


class MlflowRegistry:
    """The MLflow model registry, over HTTP or a database URL. Imported late: MLflow takes seconds."""

    def __init__(self, uri: str | None, model: str) -> None:
        # By default an unreachable server is asked for minutes, and a micro-batch would wait as long.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        self._uri = uri
        self._model = model

    @cached_property
    def _client(self) -> Any:
        import mlflow

        if self._uri is not None:
            mlflow.set_tracking_uri(self._uri)
            mlflow.set_registry_uri(self._uri)
        return mlflow.MlflowClient()

    def champion(self) -> str:
        """The version that the alias names now."""
        return str(self._client.get_model_version_by_alias(self._model, CHAMPION).version)

    def challenger(self) -> str | None:
        """The version of the alias `challenger`, if there is one."""
        version = self._client.get_registered_model(self._model).aliases.get(CHALLENGER)
        return None if version is None else str(version)

    def made_at(self, version: str) -> datetime:
        """When the version was registered."""
        milliseconds = self._client.get_model_version(self._model, version).creation_timestamp
        return datetime.fromtimestamp(milliseconds / 1000, UTC)

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of the version."""
        for name, value in tags.items():
            self._client.set_model_version_tag(self._model, version, name, value)

    def model_tags(self) -> dict[str, str]:
        """The tags of the registered model itself."""
        return dict(self._client.get_registered_model(self._model).tags)

    def tag_model(self, name: str, value: str) -> None:
        """Set a tag of the registered model itself."""
        self._client.set_registered_model_tag(self._model, name, value)

    def download(self, version: str) -> bytes:
        """The version's artefact as a tar archive."""
        source = self._client.get_model_version_download_uri(self._model, version)
        from mlflow.artifacts import download_artifacts

        with tempfile.TemporaryDirectory() as folder:
            path = download_artifacts(artifact_uri=source, dst_path=folder)
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.add(path, arcname=".")
            return archive.getvalue()


class Champion:
    """Scores micro-batches with the champion of the moment; one object per query, on the driver.

    State in `folder`, beside the checkpoint: `pins.json`, the version from each batch on where it changed;
    `VERSION.tar`, the versions that were pinned; `refused.json`, why the version that the alias names does not
    serve, if so (the watch hop alerts on it).
    """

    def __init__(self, spark: SparkSession, registry: Registry, files: Files, folder: str) -> None:
        self._spark = spark
        self._registry = registry
        self._files = files
        self._folder = folder
        self._pins = [(int(first), str(name)) for first, name in files.read_json(f"{folder}/pins.json") or []]
        self._ready: dict[str, Broadcast[bytes]] = {}
        self._ask_again = 0.0
        self._told: Mapping[str, str] | None = None
        self.refused: dict[str, str] = {}

    def score(self, rows: DataFrame, batch: int) -> DataFrame:
        """Add sentiment, polarity, confidence and model_version; null where `text` is null."""
        version = self.version(batch)
        scored = rows.withColumn("score", _udf(self._ready[version], version)(F.col("text")))
        known = [F.col(f"score.{name}").alias(name) for name in SCORE.names]
        served = F.when(F.col("text").isNotNull(), F.lit(version)).alias("model_version")
        return scored.select(*rows.columns, *known, served)

    def version(self, batch: int) -> str:
        """The version that scores this batch.

        The first batch after a start may be a replay, and is scored as pinned; each later one follows the alias.
        """
        may_be_replay = bool(self._pins) and not self._ready
        if not may_be_replay:
            self._follow_alias(batch)
        version = self._pinned()
        if version is None:
            raise SinkUnavailable("no usable champion yet: train one with `moodstream model train`")
        if version not in self._ready:
            self._ready[version] = self._prepare(version)
        return version

    def fall_back(self, batch: int, why: str) -> bool:
        """The pinned version failed on real texts: pin the one before it from `batch` on. False if there is none.

        Only right while nothing of `batch` has been written.
        """
        failed = self._pinned()
        sound = [name for _, name in self._pins if name != failed and name not in self.refused]
        if failed is None or not sound:
            return False
        self._refuse(failed, why)
        self._pin(batch, sound[-1])
        return True

    def _pinned(self) -> str | None:
        return self._pins[-1][1] if self._pins else None

    def _follow_alias(self, batch: int) -> None:
        """Pin what the alias names, if that is new and usable; whatever goes wrong, the pinned version goes on."""
        if time.monotonic() < self._ask_again:
            return
        named = None
        try:
            named = self._registry.champion()
            if named == self._pinned() or named in self.refused:
                self._tell({version: why for version, why in self.refused.items() if version == named})
                return
            self._ready[named] = self._prepare(named)
        except ModelUnusable as error:
            self._refuse(str(named), str(error))
        except Exception as error:
            self._ask_again = time.monotonic() + PAUSE_AFTER_FAILURE
            log.warning("version %s goes on serving, the registry fails: %s", self._pinned(), error)
            if named is not None:
                self._tell({named: f"cannot be fetched: {error}"})
        else:
            self._pin(batch, named)
            self._tell({})

    def _prepare(self, version: str) -> Broadcast[bytes]:
        """Fetch, try and broadcast a version; raises ModelUnusable, or what the registry raises."""
        kept = f"{self._folder}/{version}.tar"
        archive = self._files.read(kept)
        if archive is None:
            archive = self._registry.download(version)
            try_out(archive, version)
            self._files.write(kept, archive)
        return self._spark.sparkContext.broadcast(archive)

    def _pin(self, batch: int, version: str) -> None:
        self._pins = [pin for pin in self._pins if pin[0] < batch] + [(batch, version)]
        self._files.write_json(f"{self._folder}/pins.json", self._pins)
        log.info("from batch %d on: model version %s", batch, version)

    def _refuse(self, version: str, why: str) -> None:
        self.refused[version] = why
        log.error("model version %s refused: %s", version, why)
        self._tell({version: why})

    def _tell(self, refused: Mapping[str, str]) -> None:
        if refused != self._told:
            self._files.write_json(f"{self._folder}/refused.json", refused)
            self._told = refused


def try_out(archive: bytes, version: str) -> None:
    """Raise ModelUnusable unless the model in the archive loads and scores the probes soundly."""
    loaded(archive, version)


def loaded(archive: bytes, version: str) -> Predict:
    """The model in the archive, for this process, if it scores the probes soundly; else raises ModelUnusable."""
    try:
        predict = _load(archive)
        check_output(PROBES, predict(PROBES))
    except Exception as error:
        raise ModelUnusable(f"version {version}: {error}") from error
    return predict


def check_output(texts: Sequence[str], scores: pd.DataFrame) -> None:
    """Raise ModelUnusable unless there is one sound score for each text."""
    missing = {*SCORE.names} - {*scores.columns}
    if missing or len(scores) != len(texts):
        raise ModelUnusable(f"{len(texts)} texts gave {len(scores)} rows; columns missing: {sorted(missing)}")
    if not scores["sentiment"].isin(LABELS).all():
        raise ModelUnusable(f"labels {sorted(map(str, set(scores['sentiment']) - set(LABELS)))} are none of {LABELS}")
    for name, low in (("polarity", -1.0), ("confidence", 0.0)):
        if not scores[name].astype(float).between(low, 1.0).all():
            raise ModelUnusable(f"{name} is not everywhere a number from {low} to 1")


Predict = Callable[[Sequence[str]], pd.DataFrame]
_loaded: dict[str, Predict] = {}
# MLflow hands a model that is loaded from code over in a global: two threads of the driver would swap theirs.
_loading = threading.Lock()


def _load(archive: bytes) -> Predict:
    """The model in a tar archive, as a function from texts to scores."""
    model = unpacked(archive)
    return lambda texts: model.predict(None, list(texts))


def unpacked(archive: bytes) -> Any:
    """The model in a tar archive, with everything that it can do; raises whatever is wrong with it.

    Its files are gone when this returns, since a worker may die without a chance to clean up: a model reads what it
    needs when it is loaded, or at the latest for its first texts.
    """
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory(prefix="moodstream-model-") as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(folder, filter="data")
        # The driver has warned of libraries of other versions; looking for them takes longer than all the rest.
        with _loading:
            model = mlflow.pyfunc.load_model(folder, suppress_warnings=True).unwrap_python_model()
        model.predict(None, list(PROBES))
    return model


def _udf(archive: Broadcast[bytes], version: str) -> Any:
    """A pandas UDF of this version; a worker keeps what it has loaded."""

    def score(series: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        if version not in _loaded:
            _loaded[version] = _load(archive.value)
        for texts in series:
            try:
                yield score_texts(_loaded[version], texts)
            except Exception as error:
                raise ModelUnusable(f"version {version}: {error}") from error

    return pandas_udf(score, SCORE)  # type: ignore[call-overload]  # its stubs know no iterator of frames


def score_texts(predict: Predict, texts: pd.Series) -> pd.DataFrame:
    """Scores of the texts, nulls for nulls; each distinct text is scored once."""
    codes, distinct = pd.factorize(texts)
    scores = predict(list(distinct)) if len(distinct) else pd.DataFrame(columns=SCORE.names)
    check_output(list(distinct), scores)
    frame = scores[list(SCORE.names)].reset_index(drop=True).reindex(codes).reset_index(drop=True)
    return frame.astype({"sentiment": object, "polarity": float, "confidence": float})
