"""The streaming job, which ends at one commit point as by `kill -9`: `python -m harness.chaos.victim ...`.

Environment: MOODSTREAM_CHAOS_POINT names the point, MOODSTREAM_CHAOS_HIT says at which time it is reached the process
ends (1: the first).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

import psutil

from moodstream import exit_code_of
from streaming import cli, commit_points


def die() -> None:
    """End this process and its JVM at once; the JVM first, since it would run on without Python for a moment."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """An observer of commit points: calls `end` when `point` is reached for the n-th time, in whichever thread."""

    def __init__(self, point: str, hits: int, end: Callable[[], None] = die) -> None:
        self._point = point
        self._left = hits
        self._end = end
        self._lock = threading.Lock()

    def __call__(self, point: str) -> None:
        """Count the point, if it is the one."""
        if point != self._point:
            return
        # Held while the process ends, so that no other thread goes past the point.
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self._end()


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the job until it reaches the point."""
    hits = int(environ.get("MOODSTREAM_CHAOS_HIT", "1"))
    commit_points.observe(Countdown(environ["MOODSTREAM_CHAOS_POINT"], hits))
    return cli.main(argv, environ)


if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream stream", main, sys.argv[1:], os.environ))
