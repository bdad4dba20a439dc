"""How long to wait before something that failed is started again."""

from __future__ import annotations

import math

FIRST_PAUSE = 1.0
MAX_PAUSE = 60.0
# Each failure doubles the pause, and each ten minutes of work halve it. A limit after which the pause starts over would
# let a hop that fails every two minutes begin at one second each time.
HALVED_AFTER = 600.0


def next_pause(last: float, worked: float) -> float:
    """The pause in s after a failure: twice the `last` one (0: none yet), halved for each HALVED_AFTER s of work.

    `worked`: for how many seconds it ran before it failed.
    """
    return min(MAX_PAUSE, max(FIRST_PAUSE, last * math.exp2(1.0 - worked / HALVED_AFTER)))
