"""Takes what the job has imported and built up out of Python's garbage collections, once its hops work.

A full collection looks at every object of the process: several hundred thousand after MLflow, pandas and PySpark are
imported, a third of a second on a slow core, while no other thread of Python runs. The hops make enough objects for one
every few seconds, and more the more rows they handle. Frozen objects are looked at no more; they would live as long as
the process anyway. Until then collections are rare: imports make objects that stay, and looking through them again and
again took 4 s of the 10 s of CPU that the driver needed to start.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any

# New objects before a collection, while the job starts; 700 by default.
WHILE_STARTING = 100_000


class LongLived:
    """Make it when the job starts, and call it with the status of every hop as often as you like; it acts once."""

    def __init__(self) -> None:
        self._done = False
        self._thresholds = gc.get_threshold()
        gc.set_threshold(WHILE_STARTING, *self._thresholds[1:])

    def __call__(self, hops: Mapping[str, Mapping[str, Any]]) -> None:
        """Freeze all objects if each hop has worked: it has finished a batch, or has failed. `hops`: see StatusFile."""
        if self._done or not all(hop["batch"] is not None or hop["restarts"] for hop in hops.values()):
            return
        self._done = True
        gc.collect()
        gc.freeze()
        gc.set_threshold(*self._thresholds)
