"""When records are due."""

from __future__ import annotations

from typing import Protocol

MAX_DEBT = 15.0  # seconds of records that are caught up after a stall; the rest is forgiven


class Profile(Protocol):
    """How a load changes with time: a factor on the rate at a number of seconds into the run."""

    def __call__(self, seconds: float, /) -> float:
        """Return the factor, 0 or more."""


class Pacer:
    """Says how many records are due, so that the rate holds over minutes whatever single puts take.

    Behind its schedule it catches up, but never more than fifteen seconds' worth: a stream that was away
    for an hour is not flooded when it comes back.
    """

    def __init__(self, rate: float, profile: Profile) -> None:
        self._rate, self._profile = rate, profile
        self._at = 0.0
        self._owed = 0.0
        self.forgiven = 0.0  # records

    def due(self, seconds: float) -> int:
        """Whole records due at a time since the start; take them with `took`."""
        middle = (self._at + seconds) / 2
        self._owed += self._rate * self._profile(middle) * (seconds - self._at)
        self._at = seconds
        most = max(1.0, self._rate * MAX_DEBT)
        if self._owed > most:
            self.forgiven += self._owed - most
            self._owed = most
        return int(self._owed)

    def took(self, records: int) -> None:
        """Note that records were sent."""
        self._owed -= records
