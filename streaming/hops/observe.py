"""silver -> gold/drift_by_hour, shadow_by_hour, labelled_by_hour: a loop that observes a sample of the texts."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import SparkSession

from streaming.files import Files
from streaming.loop import Loop, Running
from streaming.scoring.challenger import Challenger
from streaming.scoring.drift import Drift, Profilers, Retraining
from streaming.scoring.observer import Observer, Position
from streaming.scoring.registry import MlflowRegistry
from streaming.settings import Settings


def start(spark: SparkSession, settings: Settings) -> Running:  # noqa: ARG001 - the signature of every hop
    """Observe the rows that silver took in, every `observe_interval` seconds."""
    files, folder = Files(settings), settings.checkpoint("observe")
    registry = MlflowRegistry(settings.mlflow_uri, settings.model_name)

    def report_refused(refused: Mapping[str, str]) -> None:
        files.write_json(f"{folder}/refused.json", refused)

    def served_archive(version: str) -> bytes | None:
        return files.read(f"{settings.checkpoint('refine-models')}/{version}.tar")

    observer = Observer(
        settings,
        Challenger(registry, report_refused),
        Drift(settings, Profilers(served_archive), Retraining(registry)),
        Position(files, f"{folder}/position.json"),
    )
    return Loop("observe", observer, settings.observe_interval)
