"""The requests that start the job on EMR: job runs of EMR Serverless and steps of a cluster on EC2.

Pure functions of a `Target`: tests check every argument, and `deploy/infra/deploy.py` only sends the requests.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.emr import releases
from deploy.emr.releases import Release
from deploy.infra.cost import core_hour_usd

SETTINGS = Path(__file__).with_name("spark-settings.toml")
SITE = "./environment/site-packages"  # Spark unpacks the archive there, in each process's folder
# Four vCPU beside the ten of the streaming job: a fresh account has sixteen. Commands do their work in the driver's
# Python process, outside its heap. The DAGs are deployed alone, so their runners.py repeats this.
BATCH_SIZES = {
    "spark.driver.cores": "2",
    "spark.driver.memory": "3g",
    "spark.driver.memoryOverhead": "8g",
    "spark.executor.cores": "2",
    "spark.executor.memory": "3g",
    "spark.executor.instances": "1",
    "spark.dynamicAllocation.enabled": "false",
}
LATENCY_OPTIONS: Mapping[str, str] = {
    # A commit to S3 lasts about half a second: batches with shorter triggers would only wait for each other.
    "--ingest-trigger": "2",
    "--refine-trigger": "2",
    "--aggregate-trigger": "10",
}


@dataclass(frozen=True)
class Target:
    """The deployed resources that the job uses. URLs have no slash at the end."""

    release: str  # s3:// folder of the uploaded release
    lake: str  # s3:// root of the lake
    stream: str
    region: str
    mlflow: str
    topic: str
    copy_role: str
    key: str = ""  # ARN of the lake's KMS key; empty: the bucket encrypts as it is set to
    warehouse: str = "redshift://moodstream/moodstream"
    namespace: str = "Moodstream"
    load_every: float = 15.0  # seconds between loads of the warehouse, which bills a minute for each
    emr: Release = releases.DEFAULT


def spark_settings(where: str) -> dict[str, str]:
    """The settings of spark-settings.toml for `emr` or `glue`, by name."""
    entries = tomllib.loads(SETTINGS.read_text())["setting"]
    return {entry["name"]: entry["value"] for entry in entries if where in entry["where"]}


def encryption(target: Target) -> dict[str, str]:
    """S3A's settings that name the lake's key. SSE-KMS without one would mean the account's `aws/s3`."""
    if not target.key:
        return {}
    return {
        "spark.hadoop.fs.s3a.encryption.algorithm": "SSE-KMS",
        "spark.hadoop.fs.s3a.encryption.key": target.key,
    }


def job_options(target: Target) -> dict[str, str]:
    """The streaming job's own options, the same on EMR and on Glue."""
    return {
        "--lake": _s3a(target.lake),
        "--checkpoints": f"{_s3a(target.lake)}/_checkpoints",
        "--stream": target.stream,
        "--region": target.region,
        "--kinesis-connector": "aws",
        "--mlflow-uri": target.mlflow,
        "--warehouse": target.warehouse,
        "--staging": f"{target.lake}/staging",
        "--warehouse-role": target.copy_role,
        "--alerts-topic": target.topic,
        "--metrics-namespace": target.namespace,
        # In the driver: the hop `watch` reads the states of the hops there, for hop_failed and the like.
        "--status-file": "/tmp/moodstream-status.json",  # noqa: S108 - nobody else is on the driver
        "--core-hour-usd": f"{core_hour_usd():.6f}",
        **LATENCY_OPTIONS,
        # Facts and aggregates at the same pace: one of them alone would keep a Serverless warehouse awake.
        "--load-trigger": f"{target.load_every:g}",
        "--serve-interval": f"{target.load_every:g}",
    }


def job_run(target: Target, *, application: str, role: str) -> dict[str, object]:
    """The StartJobRun request of EMR Serverless for the streaming job.

    In the mode STREAMING, EMR restarts a failed run from its checkpoint, unless it fails five times within an hour.
    """
    return {
        "applicationId": application,
        "executionRoleArn": role,
        "name": "moodstream",
        "mode": "STREAMING",
        "retryPolicy": {"maxFailedAttemptsPerHour": 5},
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{target.release}/spark_job.py",
                "entryPointArguments": _flat(job_options(target)),
                "sparkSubmitParameters": " ".join(spark_submit_options(target, "emr-serverless")),
            }
        },
    }


def training_run(target: Target, *, application: str, role: str, name: str, result: str) -> dict[str, object]:
    """The StartJobRun request that trains and registers a model, and writes its result to the s3:// URL `result`.

    What the DAG `moodstream_retrain` does as its step `train`: the first version of a registry becomes champion.
    """
    environment = {
        "PYSPARK_PYTHON": target.emr.python,
        "PYSPARK_DRIVER_PYTHON": target.emr.python,
        "PYTHONPATH": SITE,
        "MOODSTREAM_DATA": "./environment/data",
        "MLFLOW_TRACKING_URI": target.mlflow,
        "AWS_REGION": target.region,
    }
    settings = {
        "spark.archives": f"{target.release}/training-environment.tar.gz#environment",
        **BATCH_SIZES,
        **{f"spark.emr-serverless.driverEnv.{name}": value for name, value in environment.items()},
    }
    command = ["model", "train", "--json", "--mlflow-uri", target.mlflow]
    return {
        "applicationId": application,
        "executionRoleArn": role,
        "name": name,
        "executionTimeoutMinutes": 60,
        "jobDriver": {
            "sparkSubmit": {
                "entryPoint": f"{target.release}/run_command.py",
                "entryPointArguments": ["--result", result, "--", *command],
                "sparkSubmitParameters": " ".join(_conf(settings)),
            }
        },
    }


def step(target: Target) -> dict[str, object]:
    """The same job as a step of EMR on EC2. In YARN's cluster mode the driver outlives the process that submits it."""
    return {
        "Name": "moodstream",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                "spark-submit",
                "--deploy-mode",
                "cluster",
                # YARN restarts the driver, and forgets a failure after an hour: rare failures never add up to five.
                *_conf(
                    {
                        "spark.yarn.maxAppAttempts": "5",
                        "spark.yarn.am.attemptFailuresValidityInterval": "1h",
                    }
                ),
                *spark_submit_options(target, "yarn"),
                f"{target.release}/spark_job.py",
                *_flat(job_options(target)),
            ],
        },
    }


def spark_submit_options(target: Target, platform: str) -> list[str]:
    """Options of spark-submit for `emr-serverless` or `yarn`."""
    driver = {
        "emr-serverless": "spark.emr-serverless.driverEnv",
        "yarn": "spark.yarn.appMasterEnv",
    }[platform]
    environment = {
        "PYSPARK_PYTHON": target.emr.python,
        "PYSPARK_DRIVER_PYTHON": target.emr.python,
        # Python finds these before the platform's own packages, so the locked versions win.
        "PYTHONPATH": SITE,
        "MLFLOW_TRACKING_URI": target.mlflow,
        "AWS_REGION": target.region,
    }
    settings = {
        **spark_settings("emr"),
        **encryption(target),
        "spark.archives": f"{target.release}/streaming-environment.tar.gz#environment",
        **{f"{driver}.{name}": value for name, value in environment.items()},
        **{
            f"spark.executorEnv.{name}": value for name, value in environment.items() if name != "PYSPARK_DRIVER_PYTHON"
        },
    }
    return [
        "--py-files",
        # Delta's jar contains its Python package too.
        f"{target.release}/moodstream.zip,{target.emr.delta[0]}",
        "--jars",
        ",".join((f"{target.release}/{target.emr.connector}", *target.emr.delta)),
        *_conf(settings),
    ]


def _conf(settings: Mapping[str, str]) -> list[str]:
    return [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]


def _flat(options: Mapping[str, str]) -> list[str]:
    return [part for pair in options.items() for part in pair]


def _s3a(url: str) -> str:
    """The URL for Hadoop's S3A client, which Delta and the local tests use too."""
    return url.replace("s3://", "s3a://", 1)
