"""The model registry: the one module that talks to MLflow. Importing it is cheap, using it imports MLflow (seconds)."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from model.errors import NoModel, RegistryUnavailable, UsageError
from model.runtime import LANGUAGES
from model.settings import EXPERIMENT, Settings

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
# Tags of the registered model: the stream asks for a new version, training answers (docs/architecture.md).
REQUEST, ANSWER = "retraining_request", "retraining_answer"
ARTIFACT_CODE = Path(__file__).with_name("artifact.py")
# Without it MLflow's page opens the experiment as one of generative models, which has nothing to show.
KIND = {"mlflow.experimentKind": "custom_model_development"}
DESCRIPTION = (
    "Sentiment (negative, neutral, positive) of posts and comments. The alias `champion` serves in the stream, "
    "`challenger` is scored beside it, `previous` is where a roll-back goes."
)
RUNTIME_REQUIREMENTS = ("numpy", "pandas", "PyStemmer", "pycld2", "py3langid", "mlflow-skinny")


@dataclass(frozen=True)
class Version:
    """One registered version: its number, tags, and the aliases that point to it."""

    number: str
    tags: Mapping[str, str]
    aliases: tuple[str, ...]
    run_id: str


class Registry:
    """Versions and aliases of one registered model. Every method raises RegistryUnavailable when MLflow fails."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.model_name

    @cached_property
    def _mlflow(self) -> Any:
        """MLflow, pointed at the configured server, quiet, and quick to give up."""
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        if self._settings.database:
            self._settings.database.parent.mkdir(parents=True, exist_ok=True)
        import mlflow

        for name in ("mlflow", "alembic", "sqlalchemy"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(self._settings.mlflow_uri)
        mlflow.set_registry_uri(self._settings.mlflow_uri)
        return mlflow

    @cached_property
    def _client(self) -> Any:
        return self._mlflow.MlflowClient()

    def by_alias(self, alias: str) -> Version | None:
        """The version that an alias points to, or None."""
        found = [version for version in self.versions() if alias in version.aliases]
        return found[0] if found else None

    def versions(self) -> list[Version]:
        """Every version, the newest first."""
        with self._reachable():
            if self._is_new():
                return []
            listed = self._client.search_model_versions(f"name='{self._name}'")
            if not listed:
                return []
            aliases = self._client.get_registered_model(self._name).aliases
        made = [self._version(found, aliases) for found in listed]
        return sorted(made, key=lambda version: -int(version.number))

    @staticmethod
    def _version(found: Any, aliases: Mapping[str, str]) -> Version:
        number = str(found.version)
        pointing = sorted(alias for alias, target in aliases.items() if str(target) == number)
        return Version(number, dict(found.tags), tuple(pointing), str(found.run_id))

    def find(self, word: str) -> Version:
        """The version of a number or an alias; raises NoModel if there is none."""
        for version in self.versions():
            if word == version.number or word in version.aliases:
                return version
        what = f"no version and no alias '{word}'" if word else "no version"
        do = "`moodstream model list` shows those that there are" if self.versions() else "run `moodstream model train`"
        raise NoModel(f"{self._name} has {what} in {self._settings.mlflow_uri}: {do}")

    def point(self, alias: str, number: str) -> None:
        """Point an alias to a version."""
        with self._reachable():
            self._client.set_registered_model_alias(self._name, alias, number)

    def tag(self, number: str, tags: Mapping[str, str]) -> None:
        """Write tags on a version."""
        with self._reachable():
            for name, value in tags.items():
                self._client.set_model_version_tag(self._name, number, name, value)

    def answer_request(self, number: str) -> None:
        """Record that a version answers the stream's open request for training, if there is one; safe to repeat."""
        with self._reachable():
            request = self._client.get_registered_model(self._name).tags.get(REQUEST)
            if request is not None:
                answer = {"requested_at": json.loads(request)["requested_at"], "version": number}
                self._client.set_registered_model_tag(self._name, ANSWER, json.dumps(answer))

    def folder(self, number: str) -> Path:
        """The version's artefact as a local folder (downloaded where the registry is remote)."""
        with self._reachable():
            uri = self._client.get_model_version_download_uri(self._name, number)
            return Path(self._mlflow.artifacts.download_artifacts(artifact_uri=uri))

    def download(self, uri: str, target: Path) -> Path:
        """A model of any MLflow URI, copied into the folder `target`; raises UsageError if there is none."""
        with self._reachable():
            try:
                copied = self._mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(target))
            except (self._mlflow.exceptions.MlflowException, OSError) as error:
                raise UsageError(
                    f"--mlflow-uri is '{uri}', where there is no model: {str(error).splitlines()[0]}"
                ) from error
            return Path(copied)

    def run_file(self, version: Version, name: str) -> Path:
        """A file of the training run that made a version, as a local path."""
        with self._reachable():
            return Path(self._mlflow.artifacts.download_artifacts(run_id=version.run_id, artifact_path=name))

    def register(
        self,
        bundle: Path,
        *,
        name: str,
        description: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Path,
        languages: Sequence[str] = LANGUAGES,
        requirements: Sequence[str] = (),
    ) -> str:
        """Log a run with its parameters, metrics and files, and register its model; returns the version's number.

        `name`: the run's; `description`: the version's model card, in Markdown. `requirements`: packages that it needs
        beside the runtime's.
        """
        with self._reachable(), self._run(name, tags) as run:
            self._mlflow.log_params(dict(params))
            self._mlflow.log_metrics(dict(metrics))
            if files.is_dir() and any(files.iterdir()):
                self._mlflow.log_artifacts(str(files))
            logged = self._mlflow.pyfunc.log_model(
                name="model",
                python_model=str(ARTIFACT_CODE),
                artifacts={"bundle": str(bundle)},
                signature=self._signature(),
                pip_requirements=[*self._requirements(), *requirements],
                metadata={"languages": list(languages)},
            )
            made = self._create_version(logged, run.info.run_id, tags, description)
        return str(made.version)

    def _create_version(self, logged: Any, run_id: str, tags: Mapping[str, str], description: str) -> Any:
        if not self._client.search_registered_models(f"name='{self._name}'"):
            self._client.create_registered_model(self._name, description=DESCRIPTION)
        return self._client.create_model_version(
            self._name,
            logged.artifact_path,
            run_id,
            tags=dict(tags),
            model_id=logged.model_id,
            description=description,
        )

    @contextmanager
    def _run(self, name: str, tags: Mapping[str, str]) -> Iterator[Any]:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            artifacts = self._settings.artifacts
            number = self._client.create_experiment(EXPERIMENT, artifacts.as_uri() if artifacts else None, KIND)
        else:
            number = experiment.experiment_id
        with self._mlflow.start_run(experiment_id=number, run_name=name, tags=dict(tags)) as run:
            yield run

    def _signature(self) -> Any:
        from mlflow.models import ModelSignature
        from mlflow.types.schema import ColSpec, Schema

        kinds = {"sentiment": "string", "polarity": "double", "confidence": "double", "language": "string"}
        outputs: Any = [ColSpec(kind, name) for name, kind in kinds.items()]
        return ModelSignature(inputs=Schema([ColSpec("string")]), outputs=Schema(outputs))

    def _requirements(self) -> list[str]:
        from importlib.metadata import version

        return [f"{name}=={version(name)}" for name in RUNTIME_REQUIREMENTS]

    def _is_new(self) -> bool:
        """True for a local registry without a database: creating one takes seconds, and it would be empty."""
        database = self._settings.database
        return database is not None and not database.is_file()

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """Turn MLflow's failures into RegistryUnavailable, and hide MLflow's warnings about itself."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (NoModel, UsageError):
            raise
        except Exception as error:
            if not _is_mlflow(error):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RegistryUnavailable(f"registry {self._settings.mlflow_uri}: {reason}") from error


def _is_mlflow(error: Exception) -> bool:
    known = ("mlflow.", "requests.", "sqlalchemy.", "alembic.")
    return isinstance(error, (OSError, sqlite3.Error)) or type(error).__module__.startswith(known)
