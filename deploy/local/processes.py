"""Processes that outlive their parent: each leads its own session, and is found again by pid and start time.

A record `run/NAME.json` names the session's leader by pid and start time, since the kernel reuses pids. Whole sessions
are stopped, so that a JVM never outlives the Python process that started it.
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
    """A started process: `started` in epoch seconds of the kernel, `port` 0 if it serves none."""

    name: str
    pid: int
    started: float
    port: int = 0

    @property
    def alive(self) -> bool:
        """Whether this process still runs: the same start time, not only the same pid."""
        with contextlib.suppress(psutil.Error, OSError):
            found = psutil.Process(self.pid)
            same: bool = abs(found.create_time() - self.started) <= TOLERANCE_S
            return same and bool(found.status() != psutil.STATUS_ZOMBIE)
        return False

    def exit_code(self) -> int | None:
        """Its exit code if it is a child of this process and has ended, else None; negative: that signal ended it."""
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
    child.returncode = 0  # it may outlive this process: Popen must not warn when it is dropped
    process = Process(name, child.pid, psutil.Process(child.pid).create_time(), port)
    draft = run / f"{name}.draft"
    draft.write_text(json.dumps(asdict(process)))
    draft.replace(run / f"{name}.json")
    return process


def recorded(name: str, run: Path) -> Process | None:
    """The process last started under this name, alive or not; None without a readable record."""
    try:
        return Process(**json.loads((run / f"{name}.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None


def members(process: Process) -> list[psutil.Process]:
    """All living processes of its session. The kernel does not reuse a session's id while one of them lives."""
    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            young = candidate.create_time() >= process.started - TOLERANCE_S
            own = young and os.getsid(candidate.pid) == process.pid
            if own and candidate.status() != psutil.STATUS_ZOMBIE:
                found.append(candidate)
    return found


def stop(process: Process, *, patience: float = 30.0, sign: signal.Signals = signal.SIGTERM) -> bool:
    """Ask the leader to end; kill the session after `patience` seconds. True if it ended without being killed.

    Returns when the whole session has ended.
    """
    if process.alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, sign)
    willing = _gone(process, patience)
    if not willing:
        kill(process)
    return willing


def kill(process: Process | None) -> None:
    """Kill the whole session at once, as when a machine fails."""
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
            # The leader has ended: the rest of its session has a few seconds to end as well.
            end = min(end, time.monotonic() + 5.0)
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_S)


def last_lines(log: Path, count: int = 1) -> str:
    """The last lines of a log, for a message; empty without a log."""
    try:
        text = log.read_bytes()[-20_000:].decode(errors="replace")
    except OSError:
        return ""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-count:])


def pause() -> None:
    """Sleep between two looks at a process."""
    time.sleep(POLL_S)
