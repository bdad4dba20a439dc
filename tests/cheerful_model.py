"""A registry with one version, which finds every text positive but the word that breaks it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import mlflow.pyfunc
import pandas as pd

from streaming.scoring import registry as models
from streaming.settings import Settings

NAME = "moodstream-sentiment"


class Cheerful(mlflow.pyfunc.PythonModel):
    """Finds everything positive but the word that breaks it."""

    def predict(self, context: Any, model_input: list[str], params: Any = None) -> pd.DataFrame:
        """The scores of the texts; raises ValueError for the word `break`."""
        del context, params
        if "break" in model_input:
            raise ValueError("broken")
        return pd.DataFrame(
            {"sentiment": "positive", "polarity": 0.5, "confidence": 0.9}, index=range(len(model_input))
        )


def registered(root: Path) -> str:
    """Register it as version 1, with a run and no alias, in a database below `root`; returns the registry's URI."""
    uri = f"sqlite:///{root}/mlflow.db"
    api = models.open_registry(Settings(lake="", checkpoints="", stream="", mlflow_uri=uri)).mlflow
    experiment = api.create_experiment("moods", artifact_location=str(root / "artifacts"))
    with api.start_run(experiment_id=experiment) as run:
        api.log_params({"feedback_rows": 3, "alpha": 0.1})
        mlflow.pyfunc.save_model(root / "model", python_model=Cheerful(), pip_requirements=[])
    client = api.MlflowClient()
    client.create_registered_model(NAME)
    client.create_model_version(NAME, str(root / "model"), run_id=run.info.run_id)
    return uri
