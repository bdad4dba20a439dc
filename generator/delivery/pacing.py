"""Computes how many records are due, from the rate and the load curve."""

from __future__ import annotations

from typing import Protocol

MAX_DEBT = 15.0  # seconds of records that are sent late after a stall; older ones are dropped from the schedule


class LoadCurve(Protocol):
    """Gives the factor by which the rate is multiplied, at a number of seconds into the run."""

    def __call__(self, seconds: float, /) -> float:
        """Return the factor, 0 or more."""


class Pacer:
    """Computes how many records are due, so that slow puts do not lower the rate over minutes.

    Behind its schedule it catches up on at most fifteen seconds of records, so that a stream that was
    unreachable for an hour is not flooded when it returns.
    """

    def __init__(self, rate: float, curve: LoadCurve) -> None:
        self._rate, self._curve = rate, curve
        self._at = 0.0
        self._owed = 0.0
        self.forgiven = 0.0  # records

    def due(self, seconds: float) -> int:
        """Whole records due at a time since the start; take them with `took`."""
        middle = (self._at + seconds) / 2
        self._owed += self._rate * self._curve(middle) * (seconds - self._at)
        self._at = seconds
        most = max(1.0, self._rate * MAX_DEBT)
        if self._owed > most:
            self.forgiven += self._owed - most
            self._owed = most
        return int(self._owed)

    def took(self, records: int) -> None:
        """Note that records were sent."""
        self._owed -= records
