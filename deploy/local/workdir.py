"""The working directory of the embedded stack: every path in it, so that each is written once."""

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
    """An absolute folder that holds everything one demo keeps; nothing is created by naming a path."""

    root: Path
    lake_folder: Path | None = None  # where the lake is not among the rest: a copy of one on S3

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
        """What was sent, by the generator's own account."""
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
        """What the emulated S3 keeps."""
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
        """Where the stack answers, as JSON."""
        return self.root / "stack.json"

    @property
    def status(self) -> Path:
        """What the job tells about its hops, rewritten all the time."""
        return self.run / "status.json"

    def table(self, name: str) -> Path:
        """The folder of a Delta table, `silver/posts` say."""
        return self.lake / name

    @property
    def mlflow_uri(self) -> str:
        """Tracking server and registry in one: the database itself, so that no server need run."""
        return f"sqlite:///{self.mlflow / 'mlflow.db'}"


def existing(path: str) -> Workdir:
    """A working directory that a demo has used; raises UsageError if it is none."""
    root = Path(path).absolute()
    if not (root / "run").is_dir():
        raise UsageError(f"--workdir: '{path}' is no working directory of a demo")
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
    """Hold the directory for one demo; the kernel lets go of it however the process ends."""
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
    """The pid of the demo that holds the directory, or None."""
    path = workdir.run / "demo.lock"
    if not path.exists():
        return None
    with path.open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(lock.read().strip() or 0)
    return None
