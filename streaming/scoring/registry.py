"""The MLflow model registry: the only MLflow client of `streaming`.

The hops see it through three small protocols, so that a test passes a fake with two methods. MLflow is imported late,
because the import takes seconds.
"""

from __future__ import annotations

import io
import logging
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Protocol, cast

import pandas as pd

from streaming.errors import ModelUnusable, OperationFailed, SettingsError
from streaming.scoring.archive import Model, languages_of
from streaming.settings import Settings

CHAMPION, CHALLENGER = "champion", "challenger"
HEADERS_LOG = "mlflow.tracking.request_header.registry"
# Seconds before an unreachable registry is asked again.
PAUSE_AFTER_FAILURE = 10.0
# A receipt lists the parameters and tags of a version whose names contain one of these words.
TRAINING_DATA_WORDS = ("data", "feedback", "source", "rows", "train")


class ChampionRegistry(Protocol):
    """What scoring with the champion needs; MlflowRegistry implements it."""

    def champion(self) -> str:
        """The version that has the alias `champion` now; raises any exception if it cannot be read."""
        ...

    def download(self, version: str) -> bytes:
        """The version's artefact as a tar archive."""
        ...


class ChallengerRegistry(Protocol):
    """What shadow scoring needs; MlflowRegistry implements it."""

    def challenger(self) -> str | None:
        """The version that has the alias `challenger` now, if any; raises any exception if it cannot be read."""
        ...

    def download(self, version: str) -> bytes:
        """The version's artefact as a tar archive."""
        ...

    def made_at(self, version: str) -> datetime:
        """When the version was registered."""
        ...

    def tag(self, version: str, tags: Mapping[str, str]) -> None:
        """Set tags of the version."""
        ...


class ModelTags(Protocol):
    """What a retraining request needs; MlflowRegistry implements it."""

    def model_tags(self) -> Mapping[str, str]:
        """The tags of the registered model."""
        ...

    def tag_model(self, name: str, value: str) -> None:
        """Set a tag of the registered model."""
        ...


class MlflowRegistry:
    """One registered model, over HTTP or a database URL; without a URL MLflow's own default is used."""

    def __init__(self, uri: str | None, model: str, timeout_s: int = 5) -> None:
        # By default MLflow retries an unreachable server for minutes, and a micro-batch would wait as long.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout_s))
        self._uri = uri
        self._model = model

    @cached_property
    def mlflow(self) -> Any:
        """The module `mlflow`, set up for this registry."""
        import mlflow
        import mlflow.pyfunc

        if self._uri is not None:
            if not self._uri.startswith("arn:"):
                # The package sagemaker-mlflow, in the archives, takes each address for an ARN: a warning a request.
                logging.getLogger(HEADERS_LOG).setLevel(logging.ERROR)
            mlflow.set_tracking_uri(self._uri)
            mlflow.set_registry_uri(self._uri)
        return mlflow

    @cached_property
    def _client(self) -> Any:
        return self.mlflow.MlflowClient()

    def champion(self) -> str:
        """The version that has the alias `champion` now."""
        return str(self._client.get_model_version_by_alias(self._model, CHAMPION).version)

    def challenger(self) -> str | None:
        """The version that has the alias `challenger` now, if any."""
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

    def model(self, version: str) -> Model:
        """The loaded version; raises SettingsError for an unknown version, ModelUnusable for a bad one."""
        try:
            self._client.get_model_version(self._model, version)
        except self.mlflow.exceptions.MlflowException as error:
            raise SettingsError(f"--model: {self._model} has no version '{version}'") from error
        with _as_unusable(version):
            loaded = self.mlflow.pyfunc.load_model(f"models:/{self._model}/{version}")
            model = loaded.unwrap_python_model()

        def predict(texts: Sequence[str]) -> pd.DataFrame:
            with _as_unusable(version):
                return cast("pd.DataFrame", model.predict(None, list(texts)))

        return Model(predict, languages_of(loaded))

    def versions(self) -> list[dict[str, Any]]:
        """Every version with its registration time and the parameters and tags that describe its training data."""
        found = self._client.search_model_versions(f"name = '{self._model}'")
        return [self._described(each) for each in sorted(found, key=lambda each: int(each.version))]

    def _described(self, version: Any) -> dict[str, Any]:
        parameters = dict(self._client.get_run(version.run_id).data.params) if version.run_id else {}
        described = {**parameters, **version.tags}
        return {
            "version": str(version.version),
            "created_at": datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(),
            "trained_on": {
                name: value
                for name, value in described.items()
                if any(word in name.lower() for word in TRAINING_DATA_WORDS)
            },
        }


def open_registry(settings: Settings) -> MlflowRegistry:
    """The registry for an operation; raises SettingsError if the settings name none."""
    if settings.mlflow_uri is None:
        raise SettingsError("--mlflow-uri: missing; it names the model registry")
    return MlflowRegistry(settings.mlflow_uri, settings.model_name, timeout_s=10)


def load(settings: Settings, version: str) -> Model:
    """The version, loaded; raises SettingsError for one that is not registered."""
    return open_registry(settings).model(version)


def champion(settings: Settings) -> str:
    """The version that serves; raises OperationFailed if there is no champion."""
    registry = open_registry(settings)
    try:
        return registry.champion()
    except registry.mlflow.exceptions.MlflowException as error:
        raise OperationFailed(f"{settings.model_name} has no champion: {error}") from error


def versions(settings: Settings) -> list[dict[str, Any]] | None:
    """Every version with its time and training data (see MlflowRegistry.versions); None without a registry."""
    return None if settings.mlflow_uri is None else open_registry(settings).versions()


@contextmanager
def _as_unusable(version: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the artefact's own code may raise anything
        raise ModelUnusable(f"version {version}: {error}") from error
