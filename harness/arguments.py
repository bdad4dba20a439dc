"""What the command lines of the harness share: a parser that raises, and numbers within bounds."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from deploy.local.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser that raises UsageError, of one line, where argparse would exit. Prints examples as given."""

    def __init__(self, prog: str, description: str | None, examples: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message} (see --help)")


def number(low: float, high: float, expected: str, kind: Callable[[str], float] = float) -> Callable[[str], float]:
    """A converter for `add_argument(type=...)`: a number in (low, high]; `expected` says so in the error."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = low
        if not low < value <= high:
            raise argparse.ArgumentTypeError(f"received '{text}', expected {expected}")
        return value

    return convert
