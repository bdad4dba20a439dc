"""`moodstream connect`: a real source, with its edits and deletions, as events of the contract."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from connectors.counts import sentence
from connectors.preview import preview
from connectors.run import Stop, run
from connectors.session import Session
from connectors.settings import from_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a connector until its source ends, a limit is reached or a signal comes; returns 0. Raises ConnectorError."""
    settings = from_arguments(argv, environ)
    session = Session(tell=_tell)
    try:
        if settings.preview:
            preview(settings, session, sys.stdout)
            return 0
        with _stopped_by_signals(Stop(session)) as stop:
            status = run(settings, environ, session, stop, sys.stdout.buffer)
        if settings.json:
            sys.stdout.write(json.dumps(status) + "\n")
            sys.stdout.flush()
        elif not sys.stderr.isatty():
            _tell(sentence(status))
    except BrokenPipeError:
        _silence_stdout()
    return 0


def _tell(text: str) -> None:
    """A line for whoever watches, on a terminal above the line of progress."""
    clear = "\r\033[K" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{clear}{text}\n")
    sys.stderr.flush()


@contextmanager
def _stopped_by_signals(stop: Stop) -> Iterator[Stop]:
    """Let SIGTERM and SIGINT end the run between two batches: what was taken is delivered."""

    def order(_number: int, _frame: FrameType | None) -> None:
        stop.order()

    if threading.current_thread() is not threading.main_thread():
        yield stop  # whoever runs us in a thread has the signals
        return
    before = {number: signal.signal(number, order) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _silence_stdout() -> None:
    """The reader is gone (`| head`): keep the interpreter from failing on its last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
