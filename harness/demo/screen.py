"""Where the demo shows what it does: live on a terminal, as lines elsewhere, never where --json writes."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live

from harness.demo.display import Snapshot, live, one_line
from harness.demo.settings import DemoSettings

LINE_EVERY_S = 10.0


class Screen:
    """A context: the live display is taken down before anything else is printed."""

    def __init__(self, options: DemoSettings) -> None:
        self._console = Console(file=sys.stderr if options.json else sys.stdout, highlight=False)
        self._live: Live | None = None
        self._last_line = 0.0
        self._said = ""

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_live()

    def say(self, text: str) -> None:
        """Tell what begins now; the same is not told twice in a row, and changes of a number at most every 10 s."""
        phase = text.split(":")[0]
        if text == self._said or (phase == self._said.split(":")[0] and not self._due()):
            return
        self._end_live()
        self._said, self._last_line = text, time.monotonic()
        self._console.print(text, style="dim", markup=False, soft_wrap=True)

    def show(self, now: Snapshot) -> None:
        """Show the state of things."""
        if self._console.is_terminal:
            if self._live is None:
                self._live = Live(console=self._console, auto_refresh=False)
                self._live.start()
            self._live.update(live(now), refresh=True)
        elif self._due():
            self._last_line = time.monotonic()
            self._console.print(one_line(now), markup=False, soft_wrap=True)

    def final(self, result: RenderableType) -> None:
        """Print the result."""
        self._console.print(result)

    def _due(self) -> bool:
        return time.monotonic() - self._last_line >= LINE_EVERY_S

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
