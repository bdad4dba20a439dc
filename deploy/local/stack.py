"""All embedded services of a working directory: started side by side, listed in `stack.json`, stopped in order."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from deploy.local import (
    aws,
    jars,
    pages,
    postgres,
    services,
)
from deploy.local.aws import Aws
from deploy.local.postgres import Postgres
from deploy.local.workdir import Workdir

# In the order in which they are stopped: the sender, the job, then the servers. PostgreSQL comes last.
PROCESSES = ("generator", "job", pages.DASHBOARD, pages.MLFLOW, aws.NAME)
METRICS_NAMESPACE = "Moodstream"


@dataclass(frozen=True)
class Stack:
    """The running services of one working directory."""

    workdir: Workdir
    aws: Aws
    postgres: Postgres

    def environ(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment of processes that use this stack."""
        return {
            **inherited(base),
            **aws.CREDENTIALS,
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "MLFLOW_TRACKING_URI": self.workdir.mlflow_uri,
            "MLFLOW_REGISTRY_URI": self.workdir.mlflow_uri,
            "MOODSTREAM_WAREHOUSE_PASSWORD": self.postgres.password,
            "JAVA_HOME": str(jars.java_home()),
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }

    def describe(self) -> dict[str, str]:
        """The addresses of all services, without secrets."""
        return {
            "aws": self.aws.endpoint,
            "stream": aws.STREAM,
            "alerts_topic": self.aws.topic_arn,
            "alerts_queue": self.aws.queue_url,
            "warehouse": self.postgres.url,
            "mlflow": self.workdir.mlflow_uri,
            "lake": str(self.workdir.lake),
        }


def inherited(base: Mapping[str, str]) -> dict[str, str]:
    """The environment for child processes: `base` without this machine's AWS settings, and no proxy for loopback."""
    kept = {name: value for name, value in base.items() if not name.startswith("AWS_")}
    path = [str(jars.ROOT), *filter(None, [base.get("PYTHONPATH")])]
    return kept | {
        "PYTHONPATH": ":".join(path),
        "PYTHONUNBUFFERED": "1",
        **without_proxy(base),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables with which HTTP clients reach loopback directly, beside what `environ` excludes already."""
    excluded = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    hosts = ",".join([*filter(None, [excluded]), "127.0.0.1", "localhost"])
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def start(workdir: Workdir, environ: Mapping[str, str], shards: int) -> Stack:
    """Start or adopt the emulated AWS and the warehouse; raises ServiceError."""
    base = inherited(environ)
    with ThreadPoolExecutor(2) as threads:
        emulator = threads.submit(aws.start, workdir, base, shards)
        warehouse = threads.submit(postgres.start, workdir, base)
    stack = Stack(workdir, emulator.result(), warehouse.result())
    draft = workdir.endpoints.with_suffix(".draft")
    draft.write_text(json.dumps(stack.describe(), indent=1))
    draft.replace(workdir.endpoints)
    return stack


def stop_all(workdir: Workdir) -> list[str]:
    """Stop every process of the working directory, in order; returns the names of those that ran."""
    stopped = [name for name in PROCESSES if services.stop(name, workdir)]
    return [*stopped, *([postgres.NAME] if postgres.stop(workdir) else [])]
