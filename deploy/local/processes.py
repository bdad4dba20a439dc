"""Processes that outlive the one that started them: in a session of their own, found again by pid and start time.

A record `run/NAME.json` names the session's leader. A pid alone proves nothing, since pids come back; pid and start
time do. Whole sessions are stopped, so that a JVM never outlives the Python process that it belongs to.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

TOLERANCE_S = 1.0  # start times are rounded to the kernel's clock ticks
POLL_S = 0.05


@dataclass(frozen=True)
class Process:
    """A started process: `started` in epoch seconds as the kernel tells, `port` 0 where it serves none."""

    name: str
    pid: int
    started: float
    port: int = 0

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        with contextlib.suppress(psutil.Error, OSError):
            found = psutil.Process(self.pid)
            same: bool = abs(found.create_time() - self.started) <= TOLERANCE_S
            return same and bool(found.status() != psutil.STATUS_ZOMBIE)
        return False

    def exit_code(self) -> int | None:
        """How it ended, if it is a child of this process and has ended; negative: by that signal."""
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        return None


def spawn(
    name: str,
    command: Sequence[str],
    *,
    run: Path,
    log: Path,
    environ: Mapping[str, str],
    port: int = 0,
    user: int | None = None,
) -> Process:
    """Start `command` in a session of its own, its output appended to `log`, and record it in `run`."""
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - commands of this package, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environ),
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    child.returncode = 0  # it is meant to outlive us: no complaint when the handle is dropped
    process = Process(name, child.pid, psutil.Process(child.pid).create_time(), port)
    draft = run / f"{name}.draft"
    draft.write_text(json.dumps(asdict(process)))
    draft.replace(run / f"{name}.json")
    return process


def recorded(name: str, run: Path) -> Process | None:
    """What was last started under this name, alive or not."""
    try:
        return Process(**json.loads((run / f"{name}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def members(process: Process) -> list[psutil.Process]:
    """Every living process of its session. The kernel does not reuse a session's id while one of them lives."""
    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            young = candidate.create_time() >= process.started - TOLERANCE_S
            own = young and os.getsid(candidate.pid) == process.pid
            if own and candidate.status() != psutil.STATUS_ZOMBIE:
                found.append(candidate)
    return found


def stop(process: Process, *, patience: float = 30.0, sign: signal.Signals = signal.SIGTERM) -> bool:
    """Ask the leader to end, after `patience` seconds kill the session; True if it ended as asked.

    Returns when the whole session is gone.
    """
    if process.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, sign)
    willing = _gone(process, patience)
    if not willing:
        kill(process)
    return willing


def kill(process: Process | None) -> None:
    """End the whole session at once, as a machine that fails would."""
    for member in members(process) if process else []:
        with contextlib.suppress(psutil.Error):
            member.kill()
    if process:
        _gone(process, 10.0)


def _gone(process: Process, patience: float) -> bool:
    end = time.monotonic() + patience
    while True:
        process.exit_code()  # reaps it where it is a child
        if not members(process):
            return True
        if not process.alive:
            # The leader has gone: what is left of its session has a moment to follow.
            end = min(end, time.monotonic() + 5.0)
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_S)


def last_lines(log: Path, count: int = 1) -> str:
    """The end of a log, for a message."""
    try:
        text = log.read_bytes()[-20_000:].decode(errors="replace")
    except OSError:
        return ""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])


def pause() -> None:
    """Wait a moment in a loop that watches processes."""
    time.sleep(POLL_S)
