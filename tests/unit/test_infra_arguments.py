"""What EMR and Glue are told to start."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from deploy.emr import arguments
from deploy.emr.arguments import Target
from deploy.glue.arguments import job_arguments
from streaming import settings

TARGET = Target(
    release="s3://artefacts/releases/1",
    lake="s3://lake",
    stream="events",
    region="eu-west-1",
    mlflow="https://mlflow.example.com",
    topic="topic-arn",
    copy_role="role-arn",
)


def test_the_streaming_job_understands_the_options_that_it_is_started_with() -> None:
    options = [part for pair in arguments.job_options(TARGET).items() for part in pair]
    understood = settings.from_command_line(options, {})
    assert understood.lake == "s3a://lake"
    assert understood.kinesis_connector == "aws"
    assert understood.staging == "s3://lake/staging"
    assert understood.alerts_topic == "topic-arn"


def test_every_spark_setting_has_a_reason() -> None:
    for entry in tomllib.loads(arguments.SETTINGS.read_text())["setting"]:
        assert len(entry["reason"]) > 30, entry["name"]


def test_emr_serverless_restarts_the_stream_by_itself() -> None:
    request = arguments.job_run(TARGET, application="app", role="role")
    assert request["mode"] == "STREAMING"
    assert request["retryPolicy"] == {"maxFailedAttemptsPerHour": 5}


def test_driver_and_executors_import_from_the_unpacked_archive() -> None:
    options = arguments.spark_submit_options(TARGET, "emr-serverless")
    assert "spark.archives=s3://artefacts/releases/1/streaming-environment.tar.gz#environment" in options
    for process in ("spark.emr-serverless.driverEnv", "spark.executorEnv"):
        assert f"{process}.PYTHONPATH=./environment/site-packages" in options


def test_code_travels_as_a_zip_because_workers_do_not_import_wheels() -> None:
    options = arguments.spark_submit_options(TARGET, "yarn")
    assert options[options.index("--py-files") + 1].split(",")[0].endswith("moodstream.zip")


def test_an_ec2_cluster_runs_the_driver_inside_and_forgets_failures_after_an_hour() -> None:
    step = arguments.step(TARGET)
    given = step["HadoopJarStep"]["Args"]  # type: ignore[index]
    assert given[:3] == ["spark-submit", "--deploy-mode", "cluster"]
    assert "spark.yarn.am.attemptFailuresValidityInterval=1h" in given


def test_glue_chains_its_settings_in_one_argument() -> None:
    chained = job_arguments(TARGET)["--conf"].split(" --conf ")
    assert dict(setting.split("=", 1) for setting in chained) == arguments.spark_settings("glue")


def test_glue_never_sizes_executors_by_spark_settings() -> None:
    assert not [name for name in arguments.spark_settings("glue") if name.startswith("spark.executor.")]


@pytest.fixture
def awsglue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A stand-in for Glue's library; returns what happened to the job."""
    happened: list[str] = []

    def resolve(argv: list[str], names: list[str]) -> dict[str, str]:
        """As Glue's own: looks for `--name value` and gives names with underscores."""
        return {name.replace("-", "_"): argv[argv.index(f"--{name}") + 1] for name in names}

    class Job:
        def __init__(self, context: object) -> None:
            happened.append("made")

        def init(self, name: str, args: dict[str, str]) -> None:
            happened.append(f"init {name}")

        def commit(self) -> None:
            happened.append("commit")

    modules = {
        "awsglue": {},
        "awsglue.utils": {"getResolvedOptions": resolve},
        "awsglue.context": {"GlueContext": lambda context: context},
        "awsglue.job": {"Job": Job},
        "pyspark.context": {"SparkContext": type("SparkContext", (), {"getOrCreate": staticmethod(object)})},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return happened


def test_the_glue_job_hands_on_the_streaming_jobs_options_and_nothing_of_glues_own(
    awsglue: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from deploy.glue import glue_job

    started: list[list[str]] = []

    def run(argv: list[str], environ: object) -> int:
        assert environ is os.environ
        started.append(argv)
        return 0

    cli = ModuleType("streaming.cli")
    cli.main = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "streaming.cli", cli)
    given = [part for pair in job_arguments(TARGET).items() for part in pair]
    code = glue_job.main(["glue_job.py", "--JOB_NAME", "moodstream", "--TempDir", "s3://tmp", *given])

    assert code == 0
    options = [part for pair in arguments.job_options(TARGET).items() for part in pair]
    assert dict(zip(started[0][::2], started[0][1::2], strict=True)) == dict(
        zip(options[::2], options[1::2], strict=True)
    )
    assert awsglue == ["made", "init moodstream", "commit"]


def test_the_launchers_lie_outside_the_packages_they_start() -> None:
    root = Path(__file__).resolve().parents[2]
    for launcher in ("deploy/spark_job.py", "deploy/glue/glue_job.py", "deploy/emr/run_command.py"):
        assert (root / launcher).is_file()
        assert not (root / launcher).is_relative_to(root / "streaming")
