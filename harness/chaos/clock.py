"""A wall clock for the job alone, which can be set back while it runs: libfaketime, preloaded into Python and the JVM.

The clock that only ever grows (`time.monotonic`) is left alone, as it is where a machine's clock is set.
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
# How long a process goes by what it last read of the file.
SEEN_AFTER_S = 1


def environ(workdir: Workdir) -> dict[str, str]:
    """What a process needs whose clock `set_back` sets; raises UsageError where that cannot be done."""
    set_back(workdir, 0)
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME_TIMESTAMP_FILE": str(_file(workdir)),
        "FAKETIME_CACHE_DURATION": str(SEEN_AFTER_S),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # What it takes for a need of newer C libraries makes each timed wait five times as long.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        "NO_FAKE_STAT": "1",
    }


def set_back(workdir: Workdir, seconds: int) -> None:
    """Set the clock of every process so prepared to so many seconds before the right time."""
    draft = _file(workdir).with_suffix(".draft")
    draft.write_text(f"-{seconds}\n" if seconds else "+0\n")
    draft.replace(_file(workdir))


def tidy() -> None:
    """Remove the shared memory that killed processes have left of it."""
    for left in Path("/dev/shm").glob("*faketime_s*_*"):  # noqa: S108 - where the library keeps it
        pid = left.name.rpartition("_")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            left.unlink(missing_ok=True)


def _file(workdir: Workdir) -> Path:
    return workdir.run / "clock"


def _library() -> Path:
    """The library within the wheel, which holds one for Linux on x86-64 alone."""
    found = find_spec("libfaketime")
    folder = Path(found.origin).parent if found and found.origin else Path()
    library = folder / "vendor/libfaketime/src/libfaketime.so.1"
    if (sys.platform, platform.machine()) != ("linux", "x86_64") or not library.is_file():
        raise UsageError("--faults: clock_back needs libfaketime, which its wheel has for Linux on x86-64 alone")
    return library
