"""Makes sure that a working directory has a registered champion, and for chaos a challenger."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing

from deploy.local import processes
from deploy.local.errors import ServiceError
from deploy.local.processes import Process
from deploy.local.workdir import Workdir

NAME = "training"
QUICK = "first-model-is-quick"
MODEL = "moodstream-sentiment"
QUERY = "select version from registered_model_aliases where name = ? and alias = 'champion'"


def champion_version(workdir: Workdir) -> int | None:
    """The champion's version or None, read from the registry's database since importing MLflow takes seconds."""
    path = workdir.mlflow / "mlflow.db"
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            row = database.execute(QUERY, [MODEL]).fetchone()
    except sqlite3.Error:  # a training was killed while it made the database
        return None
    return int(row[0]) if row else None


def ensure_champion(workdir: Workdir, environ: Mapping[str, str], progress: Callable[[str], None]) -> None:
    """Train and register a quick first model if there is no champion; raises ServiceError if that fails.

    Quick: without the search for the best penalty, which `Improvement` makes later, beside the stream.
    """
    if champion_version(workdir) is not None:
        return
    progress("training a first model: a minute or two, once for a working directory")
    log = workdir.logs / f"{NAME}.log"
    process = _train(workdir, environ, ["--quick"])
    try:
        while process.alive:
            processes.pause()
            if done := processes.last_lines(log):
                progress(f"training a first model: {done}")
    finally:
        processes.stop(process)
    if champion_version(workdir) is None:
        raise ServiceError(f"no model could be trained: {processes.last_lines(log)} (see {log})")
    (workdir.run / QUICK).touch()


class Improvement:
    """The thorough training beside the stream, once for a working directory: its version arrives as challenger."""

    def __init__(self, workdir: Workdir, environ: Mapping[str, str]) -> None:
        self._workdir = workdir
        self._environ = environ
        self._process: Process | None = None

    def start(self) -> None:
        """Begin it if the champion was trained quickly; it gives way to whatever else wants the processor."""
        if (self._workdir.run / QUICK).exists():
            self._process = _train(self._workdir, self._environ, [], politeness=19)

    def stop(self) -> None:
        """End it; the next demo begins it again unless it had finished."""
        if self._process is None:
            return
        if not self._process.alive and self._process.exit_code() == 0:
            (self._workdir.run / QUICK).unlink(missing_ok=True)
        processes.stop(self._process)


def _train(workdir: Workdir, environ: Mapping[str, str], options: list[str], politeness: int = 0) -> Process:
    nice = ["nice", "-n", str(politeness)] if politeness else []
    command = [*nice, sys.executable, "-m", "model", "train", "--workdir", str(workdir.root), *options]
    return processes.spawn(NAME, command, run=workdir.run, log=workdir.logs / f"{NAME}.log", environ=environ)


def ensure_challenger(workdir: Workdir) -> None:
    """Register the champion's artefact again with alias `challenger`, unless there is one: work for hop `observe`."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    client = MlflowClient(workdir.mlflow_uri, workdir.mlflow_uri)
    try:
        client.get_model_version_by_alias(MODEL, "challenger")
    except MlflowException:
        champion = client.get_model_version_by_alias(MODEL, "champion")
        version = client.create_model_version(MODEL, str(champion.source), champion.run_id).version
        client.set_registered_model_alias(MODEL, "challenger", version)
