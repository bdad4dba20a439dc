"""The workflow's settings, from Airflow's configuration section `moodstream`.

MWAA turns its option `moodstream.lake` into the environment variable `AIRFLOW__MOODSTREAM__LAKE` of every process; on a
laptop you set the variable yourself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moodstream_tasks.errors import SettingsError

PREFIX = "AIRFLOW__MOODSTREAM__"


@dataclass(frozen=True)
class Settings:
    """One immutable description of the environment. URLs have no slash at the end."""

    lake: str
    runner: str = "local"  # local, emr or sagemaker: where commands run
    python: str = "python3.11"  # local: the interpreter that has the project installed
    workdir: str = ""  # local: the embedded stack's folder
    application_id: str = ""
    training_role: str = ""
    training_image: str = ""
    artefacts: str = ""
    release: str = ""
    mlflow_uri: str = ""
    topic: str = ""
    region: str = "us-east-1"
    endpoint: str = ""  # only for an emulator
    crawlers: tuple[str, ...] = ()
    dashboards: tuple[str, ...] = ()  # QuickSight data sets to refresh
    train_options: tuple[str, ...] = ()  # more options of `moodstream model train`
    reports: str = ""  # folder or s3:// URL for each day's report in pictures; empty: none is written
    evaluation_data: str = ""  # a CSV or a Delta table with columns text,label; also s3://
    rejected_limit: float = 0.05
    shadow_minutes: float = 60.0


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read the settings; raises SettingsError naming the option, what was received and what was expected."""

    def text(name: str, default: str = "") -> str:
        return environ.get(PREFIX + name.upper(), default).strip()

    def number(name: str, default: float) -> float:
        given = text(name, str(default))
        try:
            return float(given)
        except ValueError:
            raise SettingsError(f"moodstream.{name}: received '{given}', expected a number") from None

    def words(name: str) -> tuple[str, ...]:
        return tuple(text(name).replace(",", " ").split())

    image = text("training_image")
    settings = Settings(
        lake=text("lake").rstrip("/"),
        runner=text("runner", _likely_runner(text("application_id"), image)),
        python=text("python", "python3.11"),
        workdir=text("workdir"),
        application_id=text("application_id"),
        training_role=text("training_role"),
        training_image=image,
        artefacts=text("artefacts").rstrip("/"),
        release=text("release"),
        mlflow_uri=text("mlflow_uri"),
        topic=text("topic"),
        region=text("region", environ.get("AWS_REGION", "us-east-1")),
        endpoint=text("endpoint"),
        crawlers=words("crawlers"),
        dashboards=words("dashboards"),
        train_options=words("train_options"),
        reports=text("reports").rstrip("/"),
        evaluation_data=text("evaluation_data"),
        rejected_limit=number("rejected_limit", 0.05),
        shadow_minutes=number("shadow_minutes", 60.0),
    )
    _check(settings)
    return settings


def _likely_runner(application: str, image: str) -> str:
    if image:
        return "sagemaker"
    return "emr" if application else "local"


def _check(settings: Settings) -> None:
    needed = {
        "local": ("lake",),
        "emr": ("lake", "application_id", "training_role", "artefacts", "release"),
        "sagemaker": ("lake", "training_image", "training_role", "artefacts", "release"),
    }
    if settings.runner not in needed:
        raise SettingsError(f"moodstream.runner: received '{settings.runner}', expected one of {', '.join(needed)}")
    missing = [name for name in needed[settings.runner] if not getattr(settings, name)]
    if missing:
        raise SettingsError(f"moodstream.{missing[0]}: missing; the runner '{settings.runner}' needs it")
