"""Keeping the lease: a thread that gives signs of life, and ends the job once another one has taken over.

The thread looks before it writes, at most a second after it wakes, so a job that was stopped for longer than the term
(SIGSTOP, a paused machine, a partition) ends within seconds of going on. What it sends in these seconds is refused by
its token (see fencing.py). While the storage fails, nobody can take over and nothing can be committed: it tries again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from deltalake.exceptions import DeltaError

from streaming.fencing import Token
from streaming.lease.storage import LeaseStorage, SignOfLife

log = logging.getLogger(__name__)

TICK = 0.5
# Signs of life in a term: several may be lost before a living owner is taken for dead.
BEATS_PER_TERM = 6
MAX_INTERVAL = 4.0

Lost = Callable[[str], None]


class Heartbeat:
    """Signs of life for one token. `lost` is called once, in the thread, with a sentence about the new owner."""

    def __init__(self, storage: LeaseStorage, token: Token, sign: SignOfLife, lost: Lost) -> None:
        self._storage = storage
        self._token = token
        self._sign = sign
        self._lost = lost
        self._interval = min(sign.term / BEATS_PER_TERM, MAX_INTERVAL)
        self._last = float("-inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to give signs of life."""
        self._thread.start()

    def release(self) -> None:
        """Give the lease back, once nothing writes any more: the next job need not wait. Never raises."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(MAX_INTERVAL)
        try:
            self._storage.show(self._token.number, replace(self._sign, released=True))
        except (OSError, DeltaError) as error:
            log.warning("the lease was not given back, the next job waits for its term: %s", error)

    def beat(self, now: float) -> bool:
        """Give a sign of life if one is due; False if another job owns one of the hops. `now`: monotonic seconds."""
        if now - self._last < self._interval:
            return True
        newest = self._storage.tokens()
        taken = [hop for hop in self._sign.hops if newest.get(hop) != self._token.number]
        if taken:
            self._lost(self._successor(newest.get(taken[0])))
            return False
        self._sign = replace(self._sign, beat=self._sign.beat + 1)
        self._storage.show(self._token.number, self._sign)
        self._last = now
        return True

    def _successor(self, number: int | None) -> str:
        try:
            shown = self._storage.sign(number) if number is not None else None
        except (OSError, DeltaError, ValueError):
            shown = None
        who = str(shown.owner) if shown else "another job"
        return (
            f"this job gave no sign of life for {self._sign.term:.0f} s and {who} took the lake over; stopped writing"
        )

    def _run(self) -> None:
        while not self._stopping.wait(TICK):
            try:
                if not self.beat(time.monotonic()):
                    return
            except (
                Exception
            ) as error:  # whatever fails in between: an owner without a heartbeat would be taken for dead
                log.warning("no sign of life was given, trying again: %s", error)
