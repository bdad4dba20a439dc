"""Where the project's commands run: on this machine, as an EMR Serverless batch run, or as a SageMaker job.

Each runner runs `moodstream` with the given words and returns the JSON object of the command's last line. It raises
CommandFailed if the exit code is not 0. Running a command twice is safe: each command guarantees that.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from moodstream_tasks.errors import CommandFailed
from moodstream_tasks.settings import Settings

POLL_S = 20.0
EMR_ENDED = {"SUCCESS", "FAILED", "CANCELLED", "CANCELLING"}
SAGEMAKER_ENDED = {"Completed", "Failed", "Stopped"}
TIMEOUT_S = 3_600

# Four vCPU beside the ten of the streaming job: a fresh account has sixteen. Commands do their work in the driver's
# Python process, outside its heap, so most of the driver's memory is overhead.
BATCH_SIZES = (
    "spark.driver.cores=2",
    "spark.driver.memory=3g",
    "spark.driver.memoryOverhead=8g",
    "spark.executor.cores=2",
    "spark.executor.memory=3g",
    "spark.executor.instances=1",
    "spark.dynamicAllocation.enabled=false",
)


class Runner(Protocol):
    """Runs `module`, whose `main()` reads `sys.argv`, with the given words as arguments."""

    def __call__(self, name: str, words: Sequence[str], *, module: str = "moodstream") -> dict[str, Any]:
        """Run under a name that is new for each attempt; returns the command's JSON object."""
        ...


def local(settings: Settings) -> Runner:
    """Child processes of the project's own interpreter."""

    def run(name: str, words: Sequence[str], *, module: str = "moodstream") -> dict[str, Any]:
        command = [settings.python, "-m", module, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)  # noqa: S603
        if done.returncode:
            words = _last(done.stderr) or _last(done.stdout)
            message = f"{name}: exit code {done.returncode}: {words}"
            raise CommandFailed(message, exit_code=done.returncode, words=words)
        return _parsed(_last(done.stdout))

    return run


def emr(settings: Settings, client: Any, results: Any) -> Runner:
    """Batch runs of the EMR Serverless application; `client` and `results` are boto3 clients of EMR and S3."""

    def run(name: str, words: Sequence[str], *, module: str = "moodstream") -> dict[str, Any]:
        url = f"{settings.artefacts}/runs/{name}.json"
        started = client.start_job_run(
            clientToken=_token(name),
            applicationId=settings.application_id,
            executionRoleArn=settings.training_role,
            name=name,
            executionTimeoutMinutes=TIMEOUT_S // 60,
            jobDriver={"sparkSubmit": _spark_submit(settings, url, module, words)},
        )
        run_id = started["jobRunId"]
        while True:
            state = client.get_job_run(applicationId=settings.application_id, jobRunId=run_id)["jobRun"]
            if state["state"] in EMR_ENDED:
                break
            time.sleep(POLL_S)
        return _result(results, url, f"{name}: {state['state']}: {state.get('stateDetails', '')}")

    return run


def sagemaker(settings: Settings, client: Any, results: Any) -> Runner:
    """Training jobs in a plain container with Python 3.11; the release's training environment is unpacked in it."""

    def run(name: str, words: Sequence[str], *, module: str = "moodstream") -> dict[str, Any]:
        url = f"{settings.artefacts}/runs/{name}.json"
        job = "moodstream-" + _token(name)[:40]
        client.create_training_job(**_training_job(settings, job, url, module, words))
        while True:
            state = client.describe_training_job(TrainingJobName=job)
            if state["TrainingJobStatus"] in SAGEMAKER_ENDED:
                break
            time.sleep(POLL_S)
        return _result(results, url, f"{name}: {state['TrainingJobStatus']}: {state.get('FailureReason', '')}")

    return run


def _spark_submit(settings: Settings, url: str, module: str, words: Sequence[str]) -> dict[str, Any]:
    release = f"{settings.artefacts}/releases/{settings.release}"
    environment = {
        "PYSPARK_PYTHON": "/usr/bin/python3.11",
        "PYSPARK_DRIVER_PYTHON": "/usr/bin/python3.11",
        "PYTHONPATH": "./environment/site-packages",
        "MOODSTREAM_DATA": "./environment/data",
        "MLFLOW_TRACKING_URI": settings.mlflow_uri,
        "AWS_REGION": settings.region,
    }
    settings_ = [f"spark.archives={release}/training-environment.tar.gz#environment", *BATCH_SIZES]
    settings_ += [f"spark.emr-serverless.driverEnv.{name}={value}" for name, value in environment.items()]
    return {
        "entryPoint": f"{release}/run_command.py",
        "entryPointArguments": ["--result", url, "--module", module, "--", *words],
        "sparkSubmitParameters": " ".join(f"--conf {setting}" for setting in settings_),
    }


def _training_job(settings: Settings, job: str, url: str, module: str, words: Sequence[str]) -> dict[str, Any]:
    release = f"{settings.artefacts}/releases/{settings.release}"
    channel, home = "/opt/ml/input/data/release", "/opt/moodstream"
    unpack = f"mkdir -p {home} && tar -xzf {channel}/training-environment.tar.gz -C {home}"
    start = f'exec python3.11 {channel}/run_command.py "$@"'
    return {
        "TrainingJobName": job,
        "RoleArn": settings.training_role,
        "AlgorithmSpecification": {
            "TrainingImage": settings.training_image,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["bash", "-euc", f"{unpack}; {start}", "run"],
            "ContainerArguments": ["--result", url, "--module", module, "--", *words],
        },
        "Environment": {
            "PYTHONPATH": f"{home}/site-packages",
            "MOODSTREAM_DATA": f"{home}/data",
            "MLFLOW_TRACKING_URI": settings.mlflow_uri,
        },
        "InputDataConfig": [
            {
                "ChannelName": "release",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{release}/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"{settings.artefacts}/runs/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": TIMEOUT_S},
        "Tags": [{"Key": "project", "Value": "moodstream"}],
    }


def _result(results: Any, url: str, ended: str) -> dict[str, Any]:
    where = urlsplit(url)
    try:
        body = results.get_object(Bucket=where.netloc, Key=where.path.lstrip("/"))["Body"].read()
    except results.exceptions.NoSuchKey:
        raise CommandFailed(f"{ended}; it left no result") from None
    stored: Mapping[str, Any] = json.loads(body)
    if code := stored["exit_code"]:
        words = stored.get("error", "")
        raise CommandFailed(f"{ended}; exit code {code}: {words}", exit_code=code, words=words)
    return dict(stored["output"] or {})


def _token(name: str) -> str:
    """A token that AWS accepts. The same name gives the same token, so a repeated request starts nothing twice."""
    return hashlib.sha256(name.encode()).hexdigest()


def _last(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _parsed(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
