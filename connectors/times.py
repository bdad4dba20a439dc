"""Times as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.event import microseconds

_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?\Z")
_PARTS = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([AaPp][Mm])?)?\Z")
_TWITTER = "%a %b %d %H:%M:%S %z %Y"
# Numbers of this size and above count milliseconds, microseconds, nanoseconds since 1970: seconds would be after 5138.
_UNITS = ((1e17, 1e-3), (1e14, 1.0), (1e11, 1e3), (0.0, 1e6))


class Times:
    """Reads times: ISO 8601, numbers since 1970, RFC 2822, Twitter's, and dates with slashes or dots.

    Whether 03/04/2026 is in March or in April is decided by the samples: a first part above 12 somewhere means that
    days come first. Where no sample tells, `/` is read month first and `.` day first. Without an offset a time is UTC.
    """

    def __init__(self, samples: Iterable[str] = ()) -> None:
        self.ambiguous = False
        self._day_first: dict[str, bool] = {}
        for sample in samples:
            if (match := _PARTS.match(sample.strip())) and len(match[1]) <= 2:
                separator = match[2]
                if int(match[1]) > 12:
                    self._day_first[separator] = True
                elif int(match[3]) > 12:
                    self._day_first.setdefault(separator, False)
                elif separator == "/":
                    self.ambiguous = True
        self.ambiguous = self.ambiguous and "/" not in self._day_first

    def us(self, text: str) -> int | None:
        """Epoch microseconds, None for what is no time."""
        text = text.strip()
        if _NUMBER.match(text) and len(text) != 8:  # eight digits are a date: 20260301
            return _of_number(float(text))
        found = microseconds(text)
        if found is None:
            found = microseconds(self._parts(text))
        if found is None:
            found = _of_words(text)
        return found

    def _parts(self, text: str) -> str | None:
        match = _PARTS.match(text)
        if match is None:
            return None
        first, separator, second, third, hour, minute, second_of_minute, half = match.groups()
        if len(first) == 4:
            year, month, day = first, second, third
        elif self._day_first.get(separator, separator == "."):
            day, month, year = first, second, third
        else:
            month, day, year = first, second, third
        hours = int(hour or 0)
        if half:
            hours = hours % 12 + 12 * (half.lower() == "pm")
        year = f"20{year}" if len(year) == 2 else year
        return f"{year:0>4}-{month:0>2}-{day:0>2}T{hours:02d}:{minute or '00'}:{second_of_minute or '00'}"


def _of_number(number: float) -> int | None:
    factor = next(factor for size, factor in _UNITS if abs(number) >= size)
    us = number * factor
    return int(us) if math.isfinite(us) and 0 <= us < 253_402_300_800_000_000 else None


def _of_words(text: str) -> int | None:
    try:
        time = datetime.strptime(text, _TWITTER)  # noqa: DTZ007 - the format has %z, before the year
    except ValueError:
        try:
            time = parsedate_to_datetime(text)
        except (ValueError, TypeError):
            return None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1_000_000)
