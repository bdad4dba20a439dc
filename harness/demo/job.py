"""The streaming job as a child process of the demo: starts it, watches it, restarts it with backoff when it dies."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.infra.cost import core_hour_usd
from deploy.local import aws, jars, processes
from deploy.local.errors import ServiceError
from deploy.local.processes import Process
from deploy.local.stack import METRICS_NAMESPACE, Stack
from harness.audit import latency
from harness.demo.settings import DemoSettings
from streaming.backoff import next_pause

NAME = "job"
# How long the job may show no sign of life, or have a hop that fails again and again, before the demo gives up.
PATIENCE_S = 600.0
MUST_RUN = ("ingest", "refine")
# Exit codes of the job after which a restart cannot help: wrong use, permanent failure, another job owns the lake.
HOPELESS = (2, 3, 5)
# A demo is short and its tables are small: nobody should wait for the last deletion while it drains.
QUICK: Mapping[str, str] = {"MOODSTREAM_RETRACT_INTERVAL": "10"}


def command(settings: DemoSettings, stack: Stack, module: str = "streaming") -> list[str]:
    """The command that runs the job on this stack; `module`: what `python -m` runs."""
    work = stack.workdir
    found = [str(path) for path in jars.paths()]
    return [
        *(sys.executable, "-m", module, "--stream", aws.STREAM, "--region", aws.REGION),
        *("--lake", str(work.lake), "--checkpoints", str(work.checkpoints)),
        *("--status-file", str(work.status), "--local-cores", str(settings.cores)),
        *("--kinesis-connector", settings.connector, "--kinesis-endpoint", stack.aws.endpoint),
        *("--aws-endpoint", stack.aws.endpoint, "--alerts-topic", stack.aws.topic_arn),
        *("--metrics-namespace", METRICS_NAMESPACE, "--warehouse", stack.postgres.url),
        # A laptop has no bill: the price is that of the same cores on AWS.
        *("--core-hour-usd", f"{core_hour_usd():.6f}"),
        *("--mlflow-uri", work.mlflow_uri, "--jars", ",".join([*found, *settings.jars])),
        *([] if settings.headless else ["--ui"]),
    ]


Progress = Callable[[str], None]


@dataclass
class Job:
    """The job of one demo. `check` must be called about every second."""

    settings: DemoSettings
    stack: Stack
    environ: Mapping[str, str]
    module: str = "streaming"
    arguments: Sequence[str] = ()  # appended to those of `command`, so that they win
    restarts: int = 0
    process: Process | None = None
    _began: float = 0.0
    _noted: bool = False
    _due: float = 0.0
    _pause: float = 0.0

    def start(self) -> None:
        """Start it, after stopping a job that an earlier demo left: two jobs must never share a checkpoint."""
        work = self.stack.workdir
        left = processes.recorded(NAME, work.run)
        if left is not None and processes.members(left):
            processes.stop(left)
        work.status.unlink(missing_ok=True)
        self._began, self._noted = time.time(), False
        self.process = processes.spawn(
            NAME,
            [*command(self.settings, self.stack, self.module), *self.arguments],
            run=work.run,
            log=work.logs / f"{NAME}.log",
            environ={**QUICK, **self.environ, **self._spark_port()},
        )

    def check(self) -> None:
        """Notice readiness and death, restart when due; raises ServiceError if a restart cannot help."""
        if self.process is None:
            if time.monotonic() >= self._due:
                self.start()
            return
        if not self.process.alive:
            self._died(self.process)
        elif not self._noted and self.ready():
            latency.note_job_start(self.stack.workdir, self._began, time.time())
            self._noted = True

    def links(self) -> dict[str, str]:
        """The address of Spark's web page, while the job serves one."""
        url = self.status().get("ui")
        return {"spark": url} if url and not self.settings.headless else {}

    def wait_until_ready(self, stopping: Callable[[], bool], progress: Progress, poll: float = 0.2) -> None:
        """Return when every hop is ready or `stopping()` is true; `progress` is told which hops are awaited, and why.

        However long the hops take: a slow machine is no fault. Raises ServiceError if the job cannot go on, if it shows
        no sign of life for PATIENCE_S, or if the hops that are not ready keep failing for so long.
        """
        last_sign, updated_at = time.monotonic(), None
        while not self._noted and not stopping():
            self.check()
            status = self.status()
            awaited = unready(status.get("hops", {}))
            if status.get("updated_at") != updated_at and not all(awaited.values()):
                last_sign, updated_at = time.monotonic(), status.get("updated_at")
            failing = "; ".join(f"{name}: {error}" for name, error in awaited.items() if error)
            if time.monotonic() - last_sign > PATIENCE_S:
                why = failing or f"no sign of life, {self._reason()}"
                raise ServiceError(f"the job has not been ready for {PATIENCE_S:.0f} s: {why}")
            if awaited:
                progress(f"waiting for {', '.join(awaited)}" + (f": {failing}" if failing else ""))
            time.sleep(poll)

    def ready(self) -> bool:
        """Whether every hop has finished a first batch (even an empty one), or has failed and waits for a restart.

        The first batch of a cold JVM takes ten times as long as the next one: no record should wait behind it.
        """
        hops = self.status().get("hops", {})
        return bool(hops) and not unready(hops)

    def status(self) -> dict[str, Any]:
        """The job's last status; empty before the first."""
        return read_status(self.stack.workdir.status)

    def stop(self) -> None:
        """End it between two batches."""
        if self.process is not None:
            processes.stop(self.process, patience=60.0)
            self.process = None

    def _died(self, process: Process) -> None:
        code = process.exit_code()
        processes.stop(process, patience=5.0)  # what is left of its session: the JVM
        if code in HOPELESS:
            raise ServiceError(f"the job cannot go on: {self._reason()}")
        self._pause = next_pause(self._pause, time.time() - self._began)
        self.process, self._due = None, time.monotonic() + self._pause
        self.restarts += 1

    def _reason(self) -> str:
        log = self.stack.workdir.logs / f"{NAME}.log"
        return f"{processes.last_lines(log)} (see {log})"

    def _spark_port(self) -> dict[str, str]:
        """Environment that puts Spark's page on --spark-port; without it Spark takes the first free port from 4040."""
        if self.settings.spark_port is None:
            return {}
        return {"PYSPARK_SUBMIT_ARGS": f"--conf spark.ui.port={self.settings.spark_port} pyspark-shell"}


def unready(hops: Mapping[str, Mapping[str, Any]]) -> dict[str, str | None]:
    """The hops that the demo waits for, each with its error if it has failed.

    Ingest and refine must run; of the others those that have failed are not waited for, since a sink that is down
    stops its own hop only.
    """
    return {
        name: hop.get("error")
        for name, hop in hops.items()
        if (name in MUST_RUN and hop["state"] != "running") or (hop["batch"] is None and not hop["restarts"])
    }


def read_status(path: Any) -> dict[str, Any]:
    """The status file's object; empty if there is none."""
    try:
        status: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return status
