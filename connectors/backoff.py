"""How long to wait before the next attempt."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST = 0.5  # seconds; doubles up to:
LAST = 60.0
LONGEST_WISH = 3600.0  # seconds of a Retry-After that are obeyed


class Backoff:
    """Doubles the wait with each failure, with jitter so that many clients do not come back at once."""

    def __init__(self, first: float = FIRST, last: float = LAST) -> None:
        self._first, self._last = first, last
        self.failures = 0

    def succeeded(self) -> None:
        """Begin again with short waits."""
        self.failures = 0

    def failed(self) -> float:
        """Note a failure; returns the seconds to wait."""
        wait = min(self._last, self._first * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return wait * random.uniform(0.5, 1.0)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks for (a number or an HTTP date, RFC 9110 10.2.3); None without one."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_WISH)
