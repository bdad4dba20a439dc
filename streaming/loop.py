"""How a hop runs: as a Spark streaming query, or as a loop of its own where no Spark is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

# Seconds that `stop` waits for the step under way. A load takes a few.
STOP_WITHIN = 60.0


class Running(Protocol):
    """A started hop. Spark's StreamingQuery is one as it stands."""

    @property
    def isActive(self) -> bool:  # noqa: N802 - Spark's name
        """Whether it still works."""
        ...

    @property
    def lastProgress(self) -> Mapping[str, Any] | None:  # noqa: N802 - Spark's name
        """What the last batch did, or None before the first."""
        ...

    def exception(self) -> BaseException | None:
        """Why it ended, or None."""
        ...

    def stop(self) -> None:
        """End it; returns when it has ended."""
        ...


class Loop:
    """Calls `step` every `interval` seconds in a thread, until it is stopped or `step` raises.

    `step` returns what it did (`{"numInputRows": ...}`), shown as the hop's progress with the time. It must be safe
    to repeat: a process may die between any two statements of it.
    """

    def __init__(self, name: str, step: Callable[[], Mapping[str, Any]], interval: float) -> None:
        self.name = name
        self._step = step
        self._interval = interval
        self._progress: Mapping[str, Any] | None = None
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def isActive(self) -> bool:  # noqa: N802
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def lastProgress(self) -> Mapping[str, Any] | None:  # noqa: N802
        """What the last step returned."""
        return self._progress

    def exception(self) -> BaseException | None:
        """What `step` raised."""
        return self._failure

    def stop(self, within: float = STOP_WITHIN) -> None:
        """Let the running step end, then return; a step that takes longer than `within` seconds is left to itself.

        A step may wait for a warehouse for a quarter of an hour. It is safe to repeat, so it must not hold up the end.
        """
        self._stopping.set()
        self._thread.join(within)

    def _run(self) -> None:
        batch = 0
        while not self._stopping.is_set():
            try:
                done = self._step()
                self._progress = {"batchId": batch, "timestamp": datetime.now(UTC).isoformat(), **done}
            except Exception as failure:  # the supervisor decides what a failure means
                self._failure = failure
                return
            batch += 1
            self._stopping.wait(self._interval)
