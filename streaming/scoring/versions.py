"""The registered model versions: which there are, what they say they were trained on, and how to score with one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pandas as pd

from streaming.errors import ModelUnusable, OperationFailed, SettingsError
from streaming.settings import Settings

Predict = Callable[[Sequence[str]], pd.DataFrame]

TELLING = ("data", "feedback", "source", "rows", "train")


def load(settings: Settings, version: str) -> Predict:
    """A function from texts to scores; raises SettingsError for a version that is not registered."""
    mlflow = _mlflow(settings)
    try:
        mlflow.MlflowClient().get_model_version(settings.model_name, version)
    except mlflow.exceptions.MlflowException as error:
        raise SettingsError(f"--model: {settings.model_name} has no version '{version}'") from error
    with _as_unusable(version):
        model = mlflow.pyfunc.load_model(f"models:/{settings.model_name}/{version}").unwrap_python_model()

    def predict(texts: Sequence[str]) -> pd.DataFrame:
        with _as_unusable(version):
            return cast("pd.DataFrame", model.predict(None, list(texts)))

    return predict


def champion(settings: Settings) -> str:
    """The version that serves; raises OperationFailed where none does."""
    mlflow = _mlflow(settings)
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(settings.model_name, "champion").version)
    except mlflow.exceptions.MlflowException as error:
        raise OperationFailed(f"{settings.model_name} has no champion: {error}") from error


def versions(settings: Settings) -> list[dict[str, Any]] | None:
    """Each version with its time and the parameters that tell its training data; None without a registry."""
    if settings.mlflow_uri is None:
        return None
    client = _mlflow(settings).MlflowClient()
    found = client.search_model_versions(f"name = '{settings.model_name}'")
    return [_described(client, each) for each in sorted(found, key=lambda each: int(each.version))]


@contextmanager
def _as_unusable(version: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the artefact's own code raises
        raise ModelUnusable(f"version {version}: {error}") from error


def _described(client: Any, version: Any) -> dict[str, Any]:
    parameters = dict(client.get_run(version.run_id).data.params) if version.run_id else {}
    told = {**parameters, **version.tags}
    return {
        "version": str(version.version),
        "created_at": datetime.fromtimestamp(version.creation_timestamp / 1000, UTC).isoformat(),
        "trained_on": {name: value for name, value in told.items() if any(word in name.lower() for word in TELLING)},
    }


def _mlflow(settings: Settings) -> Any:
    if settings.mlflow_uri is None:
        raise SettingsError("--mlflow-uri: missing; it names the model registry")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    import mlflow
    import mlflow.pyfunc

    mlflow.set_tracking_uri(settings.mlflow_uri)
    mlflow.set_registry_uri(settings.mlflow_uri)
    return mlflow
