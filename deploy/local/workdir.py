"""The working directory of the embedded stack: all paths in it, each written once, and its lock."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import UsageError, WorkdirBusyError

DEFAULT = "moodstream-demo"


@dataclass(frozen=True)
class Workdir:
    """An absolute folder that holds all that one demo keeps. The properties name paths and create nothing."""

    root: Path
    lake_folder: Path | None = None  # if the lake is elsewhere: the copy of one on S3

    @property
    def lake(self) -> Path:
        """The Delta tables: bronze, silver and gold."""
        return self.lake_folder or self.root / "lake"

    @property
    def checkpoints(self) -> Path:
        """One folder for each streaming query."""
        return self.root / "checkpoints"

    @property
    def ledger(self) -> Path:
        """The generator's ledger of what it sent."""
        return self.root / "ledger"

    @property
    def mlflow(self) -> Path:
        """The registry's database and artefacts."""
        return self.root / "mlflow"

    @property
    def postgres(self) -> Path:
        """The warehouse's data folder and password."""
        return self.root / "postgres"

    @property
    def aws(self) -> Path:
        """The files of the emulated S3."""
        return self.root / "aws"

    @property
    def run(self) -> Path:
        """Pid records, the lock and the job's status file."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.root / "logs"

    @property
    def endpoints(self) -> Path:
        """The addresses of the stack's services, as JSON."""
        return self.root / "stack.json"

    @property
    def status(self) -> Path:
        """The job's status file, which it rewrites about every second."""
        return self.run / "status.json"

    def table(self, name: str) -> Path:
        """The folder of a Delta table, for example `silver/posts`."""
        return self.lake / name

    @property
    def mlflow_uri(self) -> str:
        """URI of MLflow's tracking and registry database, used directly so that no server need run."""
        return f"sqlite:///{self.mlflow / 'mlflow.db'}"


def existing(path: str) -> Workdir:
    """The working directory that a demo has used; raises UsageError if no demo has."""
    root = Path(path).absolute()
    if not (root / "run").is_dir():
        expected = "expected a folder that `moodstream demo --workdir DIR` has used"
        raise UsageError(f"--workdir: '{path}' is no working directory of a demo; {expected}")
    return Workdir(root)


def prepared(path: str) -> Workdir:
    """The working directory with its folders made; raises UsageError if it cannot be written."""
    workdir = Workdir(Path(path).absolute())
    folders = (
        *(workdir.lake, workdir.checkpoints, workdir.ledger, workdir.mlflow),
        *(workdir.aws, workdir.run, workdir.logs),
    )
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        probe = workdir.run / "probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--workdir: cannot write to '{path}': {reason}") from error
    return workdir


@contextmanager
def held(workdir: Workdir) -> Iterator[None]:
    """Lock the directory for one demo; raises WorkdirBusyError. The kernel releases it however the process ends."""
    with (workdir.run / "demo.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise WorkdirBusyError(
                f"--workdir: another demo (pid {owner}) uses '{workdir.root}'; stop it or name another"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def is_held(workdir: Workdir) -> int | None:
    """The pid of the demo that has locked the directory, or None."""
    path = workdir.run / "demo.lock"
    if not path.exists():
        return None
    # A shared lock, for which being allowed to read is enough.
    with path.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read().strip() or 0)
    return None
