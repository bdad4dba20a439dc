"""Finds the rows that make a batch fail, by halves: the one way in which all hops look for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from streaming.errors import TooManyRefused
from streaming.failures import is_about_data

T = TypeVar("T")

# Above this many rows of one batch, no row is left out: then it is the program or the sink that needs a fix.
MAX_REFUSED = 200


@dataclass(frozen=True)
class Refused:
    """A row that fails alone: its position in the batch, from 0, and its error."""

    position: int
    error: Exception


def bisect(count: int, process: Callable[[int, int], Iterable[T]]) -> tuple[list[T], list[Refused]]:
    """Process the rows 0 to `count` in as few parts as succeed; returns what the parts gave, and the rows that fail.

    `process(start, stop)` must give all that it gives for these rows, or raise; what it did for rows of a part that
    fails must have no effect. One bad row among n costs about 2 log2(n) calls. Raises TooManyRefused above MAX_REFUSED
    rows, and whatever `process` raises that is not about data: an outage is no reason to leave rows out.
    """
    done: list[T] = []
    refused: list[Refused] = []

    def take(start: int, stop: int) -> None:
        try:
            done.extend(list(process(start, stop)))
        except Exception as error:
            if not is_about_data(error) or isinstance(error, TooManyRefused):
                raise
            if stop - start > 1:
                middle = (start + stop) // 2
                take(start, middle)
                take(middle, stop)
                return
            refused.append(Refused(start, error))
            check_number(len(refused), error)

    if count:
        take(0, count)
    return done, refused


def check_number(refused: int, error: object) -> None:
    """Raise TooManyRefused if so many rows of a batch are no longer single rows."""
    if refused > MAX_REFUSED:
        raise TooManyRefused(
            f"more than {MAX_REFUSED} rows of one batch fail, so none is left out; the last error: {error}. Fix the "
            "cause: the hop tries again by itself"
        )
