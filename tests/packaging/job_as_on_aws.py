"""The packaged job with the very options that a deployment gives it, on doubles of the services that it finds on AWS.

Options of the job and of spark-submit are those of `deploy.emr.arguments`, for the release in a local folder. What
differs, and why, is in `_here` and `ADDRESSES`: files that EMR's image has elsewhere, loopback addresses, and the sizes
of two cores instead of ten. Executors run on two workers of a standalone master, each as a container of its own.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pyspark

from deploy.emr import arguments
from deploy.emr.arguments import Target
from deploy.emr.releases import DEFAULT as EMR
from deploy.local import aws, jars, ports, processes, stack
from deploy.local.processes import Process
from deploy.local.stack import Stack
from tests.packaging.container import MemoryLimit, own_process_ids
from tests.packaging.packaged_job import told_hops
from tests.resharding import AWSLABS
from tests.simulators.container_credentials import TOKEN

BUCKET = "moodstream-lake"
LAKE = f"s3a://{BUCKET}"
DRIVER_ENVIRONMENT = "spark.emr-serverless.driverEnv."
EXECUTORS = 2
MB = 1024 * 1024
# An executor of one core is a quarter of one as in spark-settings.toml, in heap and beside it. The driver is as there.
SIZES: Mapping[str, str] = {
    "spark.executor.cores": "1",
    "spark.executor.memory": "1536m",
    "spark.executor.memoryOverhead": "1024m",
    "spark.sql.shuffle.partitions": "2",
}
EXECUTOR_LIMIT = (1536 + 1024) * MB
ADDRESSES: Mapping[str, str] = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.hadoop.fs.s3a.path.style.access": "true",
    "spark.hadoop.fs.s3a.connection.ssl.enabled": "false",
}


def connector() -> tuple[str, Path]:
    """The connector to read the stream with, and its jar: awslabs' where its jar is given, else qubole's."""
    if given := os.environ.get(AWSLABS):
        return "aws", Path(given)
    return "qubole", next(path for path in jars.paths() if "kinesis" in path.name)


@dataclass
class JobAsOnAws:
    """A release, run in `folder`. `credentials`: the URL of the endpoint that gives containers their role."""

    release: Path
    folder: Path
    services: Stack
    mlflow: str
    credentials: str
    limits: dict[str, MemoryLimit] = field(default_factory=dict)
    _master: str = ""

    def prepare(self) -> None:
        """Lay out what EMR's image has, and start a master and two workers."""
        with tarfile.open(self.release / "streaming-environment.tar.gz") as archive:
            archive.extractall(self.folder / "environment", filter="data")
        (self.folder / "home").mkdir()
        (self.release / EMR.connector).parent.mkdir(exist_ok=True)
        shutil.copy(connector()[1], self.release / EMR.connector)
        _spark_with_the_hadoop_of_emr(self._spark)
        port = ports.free()
        self._master = f"spark://127.0.0.1:{port}"
        daemon = ["org.apache.spark.deploy.master.Master", "--port", str(port)]
        self._daemon("spark-master", daemon)
        for number in range(1, EXECUTORS + 1):
            place = ["-d", str(self.folder / f"executor-{number}"), "--cores", "1", "--memory", "1536M"]
            worker = self._daemon(f"executor-{number}", ["org.apache.spark.deploy.worker.Worker", *place, self._master])
            self._limit(f"executor-{number}", EXECUTOR_LIMIT, worker, leader=False)

    def start(self) -> Process:
        """Submit the job: a container with the driver's JVM and its Python process."""
        self.status_file.unlink(missing_ok=True)
        work = self.services.workdir
        driver = processes.spawn(
            "packaged-job",
            [*own_process_ids(), "env", "-C", str(self.folder), *self._command()],
            run=work.run,
            log=work.logs / "packaged-job.log",
            environ=self._container(PYTHONUNBUFFERED="1", PYTHONNOUSERSITE="1", **self._driver_environment()),
        )
        settings = self._settings()
        heap, beside = (
            int(settings[f"spark.driver.{name}"].removesuffix("g")) for name in ("memory", "memoryOverhead")
        )
        self._limit(f"driver-{driver.pid}", (heap + beside) * 1024 * MB, driver)
        return driver

    def stop(self, driver: Process, patience: float) -> bool:
        """End the driver's JVM as EMR does when a run is cancelled; True if the job ended by itself."""
        java = [each for each in processes.members(driver) if "java" in each.name()]
        java[0].send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes.members(driver), timeout=patience)
        return not alive

    def close(self) -> None:
        """Kill what is left."""
        for limit in self.limits.values():
            limit.close()
        run = self.services.workdir.run
        for name in ("packaged-job", *[f"executor-{number}" for number in range(1, EXECUTORS + 1)], "spark-master"):
            if (left := processes.recorded(name, run)) is not None:
                processes.kill(left)

    @property
    def status_file(self) -> Path:
        """Where the job tells how its hops do."""
        return Path(self._options()["--status-file"])

    def hops(self) -> dict[str, Any]:
        """What the job last told about its hops; empty before it has."""
        return told_hops(self.status_file)

    def _limit(self, name: str, limit: int, process: Process, *, leader: bool = True) -> None:
        def members() -> list[psutil.Process]:
            return [each for each in processes.members(process) if leader or each.pid != process.pid]

        self.limits[name] = MemoryLimit(name, limit, members)

    def _target(self) -> Target:
        return Target(
            release=str(self.release),
            lake=f"s3://{BUCKET}",
            stream=aws.STREAM,
            region=aws.REGION,
            mlflow=self.mlflow,
            topic=self.services.aws.topic_arn,
            copy_role=f"arn:aws:iam::{aws.ACCOUNT}:role/copy",
        )

    def _options(self) -> dict[str, str]:
        """The job's options; only the connector may be another, since no registry has awslabs' jar."""
        return arguments.job_options(self._target()) | {"--kinesis-connector": connector()[0]}

    def _submitted(self) -> list[str]:
        return [_here(each) for each in arguments.spark_submit_options(self._target(), "emr-serverless")]

    def _settings(self) -> dict[str, str]:
        given = self._submitted()
        confs = [value.partition("=") for name, value in itertools.pairwise(given) if name == "--conf"]
        return {name: value for name, _, value in confs}

    def _driver_environment(self) -> dict[str, str]:
        """What EMR Serverless gives the driver's container."""
        found = self._settings().items()
        return {n.removeprefix(DRIVER_ENVIRONMENT): v for n, v in found if n.startswith(DRIVER_ENVIRONMENT)}

    def _command(self) -> list[str]:
        local = {**SIZES, **ADDRESSES, "spark.hadoop.fs.s3a.endpoint": self.services.aws.endpoint}
        return [
            *(str(self._spark / "bin" / "spark-submit"), "--master", self._master, *self._submitted()),
            *(part for name, value in local.items() for part in ("--conf", f"{name}={value}")),
            str(self.release / "spark_job.py"),
            *(part for pair in self._options().items() for part in pair),
        ]

    def _daemon(self, name: str, command: list[str]) -> Process:
        work = self.services.workdir
        page = ["--host", "127.0.0.1", "--webui-port", str(ports.free())]
        return processes.spawn(
            name,
            [str(self._spark / "bin" / "spark-class"), command[0], *page, *command[1:]],
            run=work.run,
            log=work.logs / f"{name}.log",
            environ=self._container(SPARK_DAEMON_MEMORY="256m"),
        )

    def _container(self, **more: str) -> dict[str, str]:
        """A container's environment: no keys, only the endpoint that gives some. Executors inherit their worker's."""
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "TMPDIR")}
        emulated = {
            name: aws.CREDENTIALS[name] for name in aws.CREDENTIALS if not name.startswith("AWS_") or "CBOR" in name
        }
        return {
            **kept,
            **emulated,
            **stack.without_proxy({}),
            "HOME": str(self.folder / "home"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": self.credentials,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": TOKEN,
            "AWS_ENDPOINT_URL": self.services.aws.endpoint,
            "JAVA_HOME": str(jars.java_home()),
            "SPARK_HOME": str(self._spark),
            "SPARK_DIST_CLASSPATH": ":".join(map(str, _hadoop(client=False))),
            "SPARK_LOCAL_IP": "127.0.0.1",
            **more,
        }

    @property
    def _spark(self) -> Path:
        return self.folder / "spark"


def _here(text: str) -> str:
    """Where this machine has what EMR's image has: Python and Delta's jars."""
    delta = [str(path) for path in jars.paths() if path.name.startswith("delta-")]
    # Delta's parser needs ANTLR, which EMR has among Spark's jars, as pip's pyspark has.
    for theirs, ours in zip((EMR.python, *EMR.delta), (f"{sys.base_prefix}/bin/python3.11", *delta), strict=True):
        text = text.replace(theirs, ours)
    return text


def _spark_with_the_hadoop_of_emr(home: Path) -> None:
    """Link pip's pyspark to `home`, with the client of EMR's Hadoop in the place of its own."""
    theirs = Path(pyspark.__file__).parent
    (home / "jars").mkdir(parents=True)
    for name in ("bin", "python"):
        (home / name).symlink_to(theirs / name)
    kept = [path for path in (theirs / "jars").iterdir() if not path.name.startswith("hadoop-client-")]
    for path in (*kept, *_hadoop(client=True)):
        (home / "jars" / path.name).symlink_to(path)


def _hadoop(*, client: bool) -> list[Path]:
    """EMR's Hadoop: the client, which belongs to Spark, or S3A with AWS's SDK.

    The SDK's jar has an old SLF4J, so it must come after Spark's jars on the class path: else nothing is logged.
    """
    return [path for path in jars.emr(os.environ) if path.name.startswith("hadoop-client-") is client]
