"""Starts a service of the stack, or adopts one that an earlier demo left running."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.local import ports, processes
from deploy.local.errors import ServiceError
from deploy.local.processes import Process
from deploy.local.workdir import Workdir

POLL_S = 0.05


@dataclass(frozen=True)
class Service:
    """How to run a service: the command for a port, and a check whether it answers on a port."""

    name: str
    command: Callable[[int], Sequence[str]]
    healthy: Callable[[int], bool]
    environ: Mapping[str, str]
    patience: float = 60.0
    user: int | None = None


def ensure(service: Service, workdir: Workdir, port: int | None = None) -> Process:
    """Return the running service: adopted if it is alive and answers, else started. Raises ServiceError.

    `port`: the port of a new one; by default that of the last one if it is free, else any.
    """
    last = processes.recorded(service.name, workdir.run)
    if last and processes.members(last):
        if last.alive and port in (None, last.port) and service.healthy(last.port):
            return last
        processes.stop(last)
    for attempt in range(3):
        chosen = port or ports.free(last.port if last and attempt == 0 else None)
        started = _start(service, workdir, chosen)
        if _answers(service, started):
            return started
        processes.stop(started, patience=5.0)
    log = workdir.logs / f"{service.name}.log"
    raise ServiceError(f"{service.name} did not start: {processes.last_lines(log)} (see {log})")


def answers_http(path: str) -> Callable[[int], bool]:
    """For `Service.healthy`: whether the server on a port answers GET `path` with 200."""

    # The environment's proxy could not reach this machine's loopback address.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def healthy(port: int) -> bool:
        try:
            with direct.open(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return healthy


def running(name: str, workdir: Workdir) -> bool:
    """Whether a process started under this name still runs."""
    last = processes.recorded(name, workdir.run)
    return bool(last and processes.members(last))


def stop(name: str, workdir: Workdir, patience: float = 30.0) -> bool:
    """Stop the process that was started under this name; True if it ran."""
    last = processes.recorded(name, workdir.run)
    if last is None or not processes.members(last):
        return False
    processes.stop(last, patience=patience)
    return True


def _start(service: Service, workdir: Workdir, port: int) -> Process:
    return processes.spawn(
        service.name,
        service.command(port),
        run=workdir.run,
        log=workdir.logs / f"{service.name}.log",
        environ=service.environ,
        port=port,
        user=service.user,
    )


def _answers(service: Service, started: Process) -> bool:
    end = time.monotonic() + service.patience
    while time.monotonic() < end and started.alive:
        if service.healthy(started.port):
            return True
        time.sleep(POLL_S)
    return False
