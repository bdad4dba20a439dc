"""`moodstream generate`: the generator alone."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from generator.report import write_report
from generator.run import Stop, run
from generator.settings import from_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the generator; returns 1 if records could not be delivered. Raises GeneratorError."""
    settings = from_arguments(argv, environ)
    try:
        if settings.report is not None:
            write_report(settings.report, settings, _progress)
            return 0
        with _stopped_by_signals() as stop:
            counts = run(settings, sys.stdout, stop)
    except BrokenPipeError:
        _silence_stdout()
        return 0
    return 0 if counts.acked + counts.unsendable == counts.sent else 1


def _progress(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def _stopped_by_signals() -> Iterator[Stop]:
    """Let SIGTERM and SIGINT end the run cleanly: records already taken are delivered and the ledger is closed."""
    stop = Stop()

    def order(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # Python allows signal handlers in the main thread only
        return
    before = {number: signal.signal(number, order) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _silence_stdout() -> None:
    """The reader has closed the pipe (`| head`): keep the interpreter's last flush from failing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
