"""Kills at every step: an operation dies before each of its writes in turn, as if the process had ended there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import RLock
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
    with _told(steps.reached, also):
        try:
            yield steps
        except Killed:
            return


class Remains:
    """What a process leaves behind that ends before each write of one run: cheaper than a run for each of them."""

    def __init__(self, folder: Path, copies: Path) -> None:
        self._folder, self._copies = folder, copies
        self._lock = RLock()  # gold's tables are written by threads: one writes at a time, so that copies are whole
        self.names: list[str] = []

    @contextmanager
    def kept(self, also: tuple[tuple[Any, str], ...] = ()) -> Iterator[None]:
        """Copy the folder before each write of what runs inside."""
        with _told(self._copy, also, self._lock):
            yield

    def restored(self) -> Iterator[int]:
        """Put each copy in the folder's place, in the order of the writes; yields how many of them were done."""
        for done in range(len(self.names)):
            shutil.rmtree(self._folder)
            (self._copies / str(done)).rename(self._folder)
            yield done

    def _copy(self, name: str) -> None:
        shutil.copytree(self._folder, self._copies / str(len(self.names)))
        self.names.append(name)


@contextmanager
def _told(
    reached: Callable[[str], None],
    also: tuple[tuple[Any, str], ...],
    lock: AbstractContextManager[Any] | None = None,
) -> Iterator[None]:
    """Call `reached` before each write, and hold the lock during both."""
    with pytest.MonkeyPatch.context() as patched:
        for owner, name in (*WRITES, *also):
            patched.setattr(owner, name, _counted(getattr(owner, name), name, reached, lock or nullcontext()))
        yield


def _counted(
    real: Callable[..., Any], name: str, reached: Callable[[str], None], lock: AbstractContextManager[Any]
) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        with lock:
            reached(name)
            return real(*arguments, **named)

    return counted
