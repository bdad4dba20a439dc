"""A wall clock for the job alone, which can be set back while it runs: libfaketime, preloaded into Python and the JVM.

The monotonic clock (`time.monotonic`) keeps running, as it does when somebody sets the clock of a real machine.
"""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import psutil

from deploy.local.errors import UsageError
from deploy.local.workdir import Workdir

TWO_DAYS_S = 2 * 24 * 3600
# A process reads the file again after so many seconds.
REREAD_S = 1


def environ(workdir: Workdir) -> dict[str, str]:
    """Environment of a process whose clock `set_back` sets; raises UsageError if libfaketime is not available here."""
    set_back(workdir, 0)
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(_file(workdir)),
        "FAKETIME_CACHE_DURATION": str(REREAD_S),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # libfaketime's glibc workaround makes every timed wait five times longer.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",
    }


def set_back(workdir: Workdir, seconds: int) -> None:
    """Set the clock of every process that has this environment back by `seconds`; 0 sets it right again."""
    draft = _file(workdir).with_suffix(".draft")
    draft.write_text(f"-{seconds}\n" if seconds else "+0\n")
    draft.replace(_file(workdir))


def tidy() -> None:
    """Remove the shared memory that libfaketime leaves behind when its process is killed."""
    for left in Path("/dev/shm").glob("*faketime_s*_*"):  # noqa: S108 - libfaketime keeps it there
        pid = left.name.rpartition("_")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            left.unlink(missing_ok=True)


def _file(workdir: Workdir) -> Path:
    return workdir.run / "clock"


def _library() -> Path:
    """The library in the wheel, which supports Linux on x86-64 only."""
    found = find_spec("libfaketime")
    folder = Path(found.origin).parent if found and found.origin else Path()
    library = folder / "vendor/libfaketime/src/libfaketime.so.1"
    if (sys.platform, platform.machine()) != ("linux", "x86_64") or not library.is_file():
        raise UsageError("--faults: clock_back needs libfaketime, whose wheel supports Linux on x86-64 only")
    return library
