"""A running hop: a Spark streaming query, or a loop in a thread where the hop needs no Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from streaming import batch_record, logs

# Seconds that `stop` waits for the running step. A load takes a few seconds.
STOP_WITHIN = 60.0


class Running(Protocol):
    """A started hop. Spark's StreamingQuery has these members already."""

    @property
    def isActive(self) -> bool:  # noqa: N802 - Spark's name
        """True until it has ended."""
        ...

    @property
    def lastProgress(self) -> Mapping[str, Any] | None:  # noqa: N802 - Spark's name
        """Spark's report of the last batch, or None before the first."""
        ...

    def exception(self) -> BaseException | None:
        """The error that ended it, or None."""
        ...

    def stop(self) -> None:
        """End it; returns when it has ended."""
        ...


class Loop:
    """Calls `step` every `interval` seconds in a thread, until it is stopped or `step` raises.

    `step` returns fields of the hop's progress (`{"numInputRows": ...}`); the loop adds the batch number and the time.
    `step` must be safe to repeat: the process may end between any two of its statements.
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
        """True while the thread runs."""
        return self._thread.is_alive()

    @property
    def lastProgress(self) -> Mapping[str, Any] | None:  # noqa: N802
        """The progress of the last step, or None before the first."""
        return self._progress

    def exception(self) -> BaseException | None:
        """The error that `step` raised, or None."""
        return self._failure

    def stop(self, within: float = STOP_WITHIN) -> None:
        """Start no further step, and wait at most `within` seconds for the running one.

        A step may wait for a warehouse for a quarter of an hour. The job must not wait so long, and may end during the
        step, because a step is safe to repeat.
        """
        self._stopping.set()
        self._thread.join(within)

    def _run(self) -> None:
        batch = 0
        while not self._stopping.is_set():
            try:
                with logs.within(hop=self.name, batch=batch), batch_record.recorded(self.name, None, batch):
                    done = self._step()
                self._progress = {"batchId": batch, "timestamp": datetime.now(UTC).isoformat(), **done}
            except Exception as failure:  # the supervisor decides what a failure means
                self._failure = failure
                return
            batch += 1
            self._stopping.wait(self._interval)
