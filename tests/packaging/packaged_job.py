"""The packaged job as `spark-submit` runs it: executors of their own, from the built archives, the lake on S3.

Spark's local-cluster mode starts real executor processes, which see nothing of the checkout: code comes from
moodstream.zip, packages from streaming-environment.tar.gz. The driver runs on the bare Python below the virtual
environment, with the same archive unpacked in its folder, as in a container on EMR. Spark itself, Delta, S3A and the
connector are what the platform has, and come from pip's pyspark and requirements/jars.lock.
"""

from __future__ import annotations

import json
import os
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyspark

from deploy.emr.arguments import SITE, spark_settings
from deploy.local import aws, jars, processes
from deploy.local.processes import Process
from deploy.local.stack import Stack

LAKE = "s3a://moodstream-lake"
# What differs from a cluster: two small executors, an emulator instead of S3 and KMS.
LOCAL: Mapping[str, str] = {
    "spark.driver.memory": "1g",
    "spark.executor.memory": "1g",
    "spark.executor.memoryOverhead": "0",
    "spark.executor.cores": "2",
    "spark.executor.instances": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
    "spark.hadoop.fs.s3a.aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
}
EMULATED_AWAY = {"spark.hadoop.fs.s3a.server-side-encryption-algorithm"}


@dataclass(frozen=True)
class PackagedJob:
    """The unpacked release in `folder`, ready to be started on a stack. `mlflow`: URL of the tracking server."""

    release: Path
    folder: Path
    services: Stack
    mlflow: str

    def unpack(self) -> None:
        """What YARN and EMR Serverless do with `spark.archives` before the driver starts."""
        with tarfile.open(self.release / "streaming-environment.tar.gz") as archive:
            archive.extractall(self.folder / "environment", filter="data")

    def start(self) -> Process:
        """Submit it; the process is the JVM of spark-submit, with the driver and the executors in its session."""
        self.status_file.unlink(missing_ok=True)
        work = self.services.workdir
        return processes.spawn(
            "packaged-job",
            ["env", "-C", str(self.folder), *self._command()],
            run=work.run,
            log=work.logs / "packaged-job.log",
            environ=self._environ(),
        )

    @property
    def status_file(self) -> Path:
        """Where the job tells how its hops do."""
        return self.folder / "status.json"

    def hops(self) -> dict[str, Any]:
        """What the job last told about its hops; empty before it has."""
        return told_hops(self.status_file)

    def _command(self) -> list[str]:
        settings = {
            **{name: value for name, value in spark_settings("emr").items() if name not in EMULATED_AWAY},
            **LOCAL,
            "spark.hadoop.fs.s3a.endpoint": self.services.aws.endpoint,
            "spark.archives": f"{self.release}/streaming-environment.tar.gz#environment",
            "spark.executorEnv.PYTHONPATH": SITE,
        }
        return [
            str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
            *("--master", "local-cluster[2,2,1024]"),
            *("--py-files", str(self.release / "moodstream.zip")),
            *("--jars", ",".join(map(str, jars.paths(s3=True)))),
            *(part for name, value in settings.items() for part in ("--conf", f"{name}={value}")),
            str(self.release / "spark_job.py"),
            *self._options(),
        ]

    def _options(self) -> list[str]:
        stack = self.services
        return [
            *("--lake", LAKE, "--checkpoints", f"{LAKE}/_checkpoints", "--stream", aws.STREAM),
            *("--region", aws.REGION, "--kinesis-endpoint", stack.aws.endpoint, "--aws-endpoint", stack.aws.endpoint),
            *("--alerts-topic", stack.aws.topic_arn, "--metrics-namespace", "Moodstream"),
            *("--warehouse", stack.postgres.url, "--mlflow-uri", self.mlflow),
            *("--status-file", str(self.status_file)),
        ]

    def _environ(self) -> dict[str, str]:
        """Of the virtual environment that runs the tests, nothing."""
        python = f"{sys.base_prefix}/bin/python3.11"
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        return {
            **kept,
            **aws.CREDENTIALS,
            "JAVA_HOME": str(jars.java_home()),
            "SPARK_HOME": str(Path(pyspark.__file__).parent),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
            "PYTHONPATH": SITE,
            "PYTHONNOUSERSITE": "1",
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "MOODSTREAM_WAREHOUSE_PASSWORD": self.services.postgres.password,
        }


def told_hops(status_file: Path) -> dict[str, Any]:
    """What a job last told about its hops in its status file; empty before it has."""
    try:
        found: dict[str, Any] = json.loads(status_file.read_text())["hops"]
    except (OSError, ValueError):
        return {}
    return found
