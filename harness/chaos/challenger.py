"""The champion a second time, as challenger, so that the hop `observe` has something to do."""

from __future__ import annotations

from deploy.local.workdir import Workdir
from harness.demo.champion import MODEL


def ensure(place: Workdir) -> None:
    """Register the champion's artefact as a further version and let the alias `challenger` name it, if nothing has."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(place.mlflow_uri, place.mlflow_uri)
    try:
        client.get_model_version_by_alias(MODEL, "challenger")
    except MlflowException:
        champion = client.get_model_version_by_alias(MODEL, "champion")
        version = client.create_model_version(MODEL, str(champion.source), champion.run_id).version
        client.set_registered_model_alias(MODEL, "challenger", version)
