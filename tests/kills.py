"""Kills at every step: an operation dies before each of its writes in turn, as if the process had ended there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from streaming.corrections import erased_events, journal, keyed_tables
from streaming.files import Files

# Whatever an operation changes goes through one of these. To die after a write is to die before the next one.
WRITES: tuple[tuple[Any, str], ...] = (
    (Files, "write"),
    (Files, "remove"),
    (Path, "replace"),
    (DeltaTable, "vacuum"),
    (journal, "merge"),
    (keyed_tables, "add_to_gold"),
    (keyed_tables, "upsert"),
    (erased_events, "remember"),
)


class Killed(BaseException):
    """The process ended here. No `except Exception` sees it."""


class Steps:
    """Counts writes, and dies before write number `fatal`; `names` are those that were done."""

    def __init__(self, fatal: int | None) -> None:
        self.fatal, self.names, self.died = fatal, list[str](), False

    def reached(self, name: str) -> None:
        """Note a write, or die before it."""
        if self.fatal is not None and len(self.names) >= self.fatal:
            self.died = True
            raise Killed
        self.names.append(name)


@contextmanager
def killed_before(fatal: int | None, also: tuple[tuple[Any, str], ...] = ()) -> Iterator[Steps]:
    """Die before write number `fatal` (from 0) of what runs inside; None: never."""
    steps = Steps(fatal)
    with pytest.MonkeyPatch.context() as patched:
        for owner, name in (*WRITES, *also):
            patched.setattr(owner, name, _counted(getattr(owner, name), name, steps))
        try:
            yield steps
        except Killed:
            return


def _counted(real: Callable[..., Any], name: str, steps: Steps) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        steps.reached(name)
        return real(*arguments, **named)

    return counted
