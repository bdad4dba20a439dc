"""How long a test waits: much longer than a fast machine needs, since a wait ends as soon as its condition is true.

A time-out that fits a quiet machine fails on a slow one under load, and says nothing of the code.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

# Slow machines take 2.6 times as long as fast ones, and a busy one takes several times as long as a quiet one.
SLOWEST = 8.0

T = TypeVar("T")


def patience(seconds: float) -> float:
    """Seconds after which even the slowest machine must have done what a quiet, fast one does in `seconds`."""
    return SLOWEST * seconds


def wait_until(
    look: Callable[[], T], what: str | Callable[[], object], seconds: float = 30.0, pause: float = 0.05
) -> T:
    """Look again and again until the answer is true, and return it.

    `seconds` are those of a quiet, fast machine. The error of a wait in vain says `what` was waited for; a function
    is asked for it then.
    """
    deadline = time.monotonic() + patience(seconds)
    while not (found := look()):
        if time.monotonic() > deadline:
            reason = what() if callable(what) else what
            raise AssertionError(f"waited {patience(seconds):.0f} s in vain: {reason}")
        time.sleep(pause)
    return found
