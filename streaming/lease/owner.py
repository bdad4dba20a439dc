"""Who owns a lease: a process, named so that people find it, and so that the same machine can tell that it is gone."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROC = Path("/proc")


@dataclass(frozen=True)
class Owner:
    """A process on a host. `since`: when it took the lease, by its own clock; for people only.

    `machine` is the same for two processes that see the same process ids; `started` tells a process from a later one
    with the same id. Both are empty where the system does not say (outside Linux).
    """

    host: str
    pid: int
    since: str
    machine: str = ""
    started: str = ""

    @classmethod
    def this_process(cls) -> Owner:
        """The process that asks."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(socket.gethostname(), os.getpid(), since, _machine(), _started(os.getpid()))

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Owner:
        """From what `as_json` gave."""
        return cls(**{name: found[name] for name in cls.__dataclass_fields__ if name in found})

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)

    def is_gone(self) -> bool:
        """Whether the process has certainly ended: only known on the same machine. A stopped process is not gone."""
        known = bool(self.machine and self.started) and self.machine == _machine()
        return known and _started(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def _machine() -> str:
    """This boot of this machine and its name space of process ids: containers of one host have several."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process began, in clock ticks since the boot; empty if it has ended, also if nobody has reaped it yet."""
    try:
        # The second field is the command in brackets, and may hold spaces and brackets itself.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started
