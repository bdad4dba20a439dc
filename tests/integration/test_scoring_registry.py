"""Versions of a real registry: loaded by number, described for a receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import pandas as pd
import pytest

from streaming.errors import ModelUnusable, OperationFailed, SettingsError
from streaming.scoring import registry as models
from streaming.settings import Settings

NAME = "moodstream-sentiment"


class Cheerful(mlflow.pyfunc.PythonModel):
    """Finds everything positive but the word that breaks it."""

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> pd.DataFrame:
        if "break" in model_input:
            raise ValueError("broken")
        return pd.DataFrame(
            {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9}, index=range(len(model_input))
        )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A registry with one version, and no champion."""
    root = tmp_path_factory.mktemp("registry")
    settings = Settings(lake="", checkpoints="", stream="", mlflow_uri=f"sqlite:///{root}/mlflow.db")
    api = models.open_registry(settings).mlflow
    experiment = api.create_experiment("moods", artifact_location=str(root / "artifacts"))
    with api.start_run(experiment_id=experiment) as run:
        api.log_params({"feedback_rows": 3, "alpha": 0.1})
        mlflow.pyfunc.save_model(root / "model", python_model=Cheerful(), pip_requirements=[])
    client = api.MlflowClient()
    client.create_registered_model(NAME)
    client.create_model_version(NAME, str(root / "model"), run_id=run.info.run_id)
    return settings


def test_a_version_scores_texts(settings: Settings) -> None:
    predict = models.load(settings, "1").predict
    assert list(predict(["a", "b"])["sentiment"]) == ["positive", "positive"]
    with pytest.raises(ModelUnusable, match="version 1: broken"):
        predict(["break"])


def test_a_version_that_is_not_registered_is_named(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="has no version '9'"):
        models.load(settings, "9")


def test_without_a_champion_nothing_can_be_scored_by_it(settings: Settings) -> None:
    with pytest.raises(OperationFailed, match="no champion"):
        models.champion(settings)


def test_a_receipt_tells_what_each_version_was_trained_on(settings: Settings) -> None:
    versions = models.versions(settings)
    assert versions is not None
    (version,) = versions
    assert (version["version"], version["trained_on"]) == ("1", {"feedback_rows": "3"})


def test_without_a_registry_no_version_is_listed(tmp_path: Path) -> None:
    assert models.versions(Settings(lake="", checkpoints="", stream="")) is None
