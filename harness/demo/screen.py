"""What the demo prints while it runs: a live display on a terminal, lines elsewhere; on stderr with --json."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from harness.demo.settings import DemoSettings

LINE_EVERY_S = 10.0
SENTIMENTS = {"negative": "red", "neutral": "yellow", "positive": "green"}
STATES = {"running": "green", "starting": "cyan", "waiting": "yellow", "failed": "bold red", "stopped": "dim"}
BAR = 12  # with the shares beside it, it fits into a frame on a terminal of 80 columns


@dataclass(frozen=True)
class Snapshot:
    """All that the live display shows at one moment; `rows` by layer, `links` by page."""

    seconds: float
    sending: Mapping[str, Any]
    rows: Mapping[str, int]
    freshness: Mapping[str, Any] = field(default_factory=dict)
    sentiment: Mapping[str, float] = field(default_factory=dict)
    hops: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0


class Screen:
    """A context manager, which ends the live display before anything else is printed."""

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

    def progress(self, text: str) -> None:
        """Print what begins now, once; a text that differs only after its colon is printed at most every 10 s."""
        phase = text.split(":")[0]
        if text == self._said or (phase == self._said.split(":")[0] and not self._due()):
            return
        self._end_live()
        self._said, self._last_line = text, time.monotonic()
        self._console.print(text, style="dim", markup=False, soft_wrap=True)

    def show(self, now: Snapshot) -> None:
        """Show a snapshot."""
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


def live(now: Snapshot) -> RenderableType:
    """The live display."""
    parts: list[RenderableType] = [_counts(now), sentiment_bar(now.sentiment), _hops(now)]
    if now.links:
        parts.append(links(now.links))
    return Panel(Group(*parts), title=f"moodstream · {now.seconds:,.0f} s", subtitle="Ctrl-C drains, audits and stops")


def one_line(now: Snapshot) -> str:
    """The snapshot as one line, for a log."""
    counts = ", ".join(f"{layer} {rows:,}" for layer, rows in now.rows.items())
    polarity = f", polarity {now.sentiment['polarity']:+.2f}" if now.sentiment else ""
    lag = f", gold lag p95 {now.freshness['lag_p95_s']:.1f} s" if now.freshness else ""
    return f"{now.seconds:.0f} s: {counts}{polarity}{lag}"


def _counts(now: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for layer in now.rows:
        table.add_column(layer, justify="right")
    table.add_row(*[f"[bold]{rows:,}[/bold]" for rows in now.rows.values()])
    rate = now.sending.get("rate")
    under = [f"{rate:,.0f}/s" if rate is not None else ""] + [""] * (len(now.rows) - 1)
    if now.freshness and "gold" in now.rows:
        under[list(now.rows).index("gold")] = f"lag {now.freshness['lag_p50_s']:.1f} s"
    table.add_row(*[f"[dim]{text}[/dim]" for text in under])
    return table


def sentiment_bar(sentiment: Mapping[str, float]) -> Text:
    """Shares of the last minutes' texts as a bar."""
    if not sentiment:
        return Text("no scored texts yet", style="dim")
    bar = Text("now  ")
    for name, color in SENTIMENTS.items():
        bar.append("█" * round(sentiment[name] * BAR), style=color)
    shares = "  ".join(f"{name} {sentiment[name]:.0%}" for name in SENTIMENTS)
    return bar.append(f"  {shares}  polarity {sentiment['polarity']:+.2f}")


def _hops(now: Snapshot) -> Text:
    line = Text("hops ")
    for name, hop in now.hops.items():
        line.append(f" {name}", style=STATES.get(str(hop.get("state")), ""))
        if hop.get("restarts"):
            line.append(f"({hop['restarts']} restarts)", style="yellow")
    if now.restarts:
        line.append(f"  job restarts: {now.restarts}", style="yellow")
    for name, hop in now.hops.items():
        if hop.get("error") and hop.get("state") != "running":
            line.append(f"\n  {name}: {hop['error']}", style="red")
    return line


def links(found: Mapping[str, str]) -> Table:
    """Names and addresses of the web pages."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, url in found.items():
        table.add_row(f"[bold]{name}[/bold]", f"[link={url}]{url}[/link]")
    return table
