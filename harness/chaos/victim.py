"""The streaming job, told to die at one commit point, as by `kill -9`: `python -m harness.chaos.victim ...`.

The job's own code knows nothing of this: functions at the commit points are wrapped, and what happens inside the JVM is
watched through the files that it writes. Environment: MOODSTREAM_CHAOS_POINT names the point, MOODSTREAM_CHAOS_HIT
says at which time it is reached (1: the first).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from streaming import cli
from streaming.delta import merge
from streaming.hops import load, observe
from streaming.settings import Settings, from_command_line
from streaming.sinks import gold, silver
from streaming.warehouse import postgres, serving

POLL_S = 0.0005

# Where a call ends: (owner, name of the function).
WRAPPED: Mapping[str, tuple[Any, str]] = {
    "refine.computed": (silver.Silver, "_written"),
    # Before each table: at the second and later hits other tables hold the batch.
    "refine.between_tables": (silver.Silver, "_append_to"),
    "refine.written": (silver.Silver, "__call__"),
    "aggregate.between_tables": (merge.KeyedDelta, "apply"),
    "aggregate.written": (gold.Gold, "__call__"),
    "load.before_commit": (postgres.PostgresWarehouse, "_take"),
    "load.committed": (load.Loader, "__call__"),
    "serve.committed": (serving.Server, "__call__"),
    # Nothing is scored yet, but it is written down what will be.
    "observe.noted": (observe.Position, "write"),
    "observe.committed": (observe.Observer, "_observe"),
}


def die() -> None:
    """End this process and its JVM at once; the JVM first, since it goes on without us for a moment."""
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Dies at the n-th hit, whichever thread makes it."""

    def __init__(self, hits: int) -> None:
        self._left = hits
        self._lock = threading.Lock()

    def hit(self) -> None:
        """The point was reached."""
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                die()


def wrap(owner: Any, name: str, reached: Callable[[], None]) -> None:
    """Call `reached` whenever the function has returned."""
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        reached()
        return result

    setattr(owner, name, wrapped)


def next_commit(settings: Settings) -> Callable[[], bool]:
    """Whether Delta has committed to bronze since: Spark's own commit log comes a moment later."""
    log = Path(settings.table("bronze/events")) / "_delta_log"
    known = len(list(log.glob("*.json")))
    while (log / f"{known:020d}.json").exists():
        known += 1
    return (log / f"{known:020d}.json").exists


def next_data_file(settings: Settings) -> Callable[[], bool]:
    """Whether an executor has written rows of bronze since: Delta's commit comes a moment later."""

    def files() -> int:
        today = datetime.now(UTC)
        folder = Path(settings.table("bronze/events")) / f"year={today.year}/month={today.month}/day={today.day}"
        return sum(1 for _ in os.scandir(folder)) if folder.is_dir() else 0

    known = files()
    return lambda: files() > known


WATCHED: Mapping[str, Callable[[Settings], Callable[[], bool]]] = {
    "ingest.before_delta_commit": next_data_file,
    "ingest.before_spark_commit": next_commit,
}
POINTS = (*WATCHED, *WRAPPED)
ON_S3 = tuple(WRAPPED)  # there are no files to be watched


def watch(point: str, settings: Settings, countdown: Countdown) -> None:
    """Hit whenever what the point waits for has happened; for ever."""
    while True:
        happened = WATCHED[point](settings)
        while not happened():
            time.sleep(POLL_S)
        countdown.hit()


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run the job until it dies."""
    point = environ["MOODSTREAM_CHAOS_POINT"]
    countdown = Countdown(int(environ.get("MOODSTREAM_CHAOS_HIT", "1")))
    if point in WRAPPED:
        wrap(*WRAPPED[point], countdown.hit)
    else:
        settings = from_command_line(argv, environ)
        threading.Thread(target=watch, args=(point, settings, countdown), daemon=True).start()
    return cli.main(argv, environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
