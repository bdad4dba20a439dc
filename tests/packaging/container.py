"""Processes as containers run them: process ids of their own, and a limit of memory beyond which they are killed."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import psutil

EVERY_S = 2.0
MB = 1024 * 1024


@cache
def own_process_ids() -> tuple[str, ...]:
    """The command prefix that gives a program process ids of its own; empty where the kernel does not allow it.

    A job in a container never knows whether the process that owned the lake has ended: it must wait for the lease.
    """
    prefix = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
    with contextlib.suppress(OSError):
        if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0:
            return prefix
    return ()


class MemoryLimit:
    """Measures a container every two seconds, and kills it whole when it needs more than `limit` bytes.

    `members` gives its processes at each look. Memory that processes share is counted once, as a container's is.
    """

    def __init__(self, name: str, limit: int, members: Callable[[], Sequence[psutil.Process]]) -> None:
        self.name = name
        self.limit = limit
        self.peak = 0
        self.peak_by_program: dict[str, int] = {}
        self.exceeded = False
        self._members = members
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"limit-{name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop measuring."""
        self._over.set()
        self._thread.join()

    def told(self) -> dict[str, object]:
        """The peaks in MB: of the whole, and of the Java and the Python processes."""
        programs = {name: round(size / MB) for name, size in sorted(self.peak_by_program.items())}
        return {"limit_mb": round(self.limit / MB), "peak_mb": round(self.peak / MB), **programs}

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            members = self._members()
            sizes: dict[str, int] = {}
            for member in members:
                with contextlib.suppress(psutil.Error, OSError):
                    program = "java_mb" if "java" in member.name() else "python_mb"
                    sizes[program] = sizes.get(program, 0) + share_of(member.pid)
            for program, size in sizes.items():
                self.peak_by_program[program] = max(size, self.peak_by_program.get(program, 0))
            self.peak = max(self.peak, sum(sizes.values()))
            if sum(sizes.values()) > self.limit:
                self.exceeded = True
                kill(members)


def kill(members: Sequence[psutil.Process]) -> None:
    """Kill them all, as the kernel does with a container."""
    for member in members:
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            os.kill(member.pid, 9)


def share_of(pid: int) -> int:
    """A process's resident bytes; of a page that several share, its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
