"""What a person sees while the demo runs, and the tables at its end. Pure: data in, `rich` renderables out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

MOODS = {"negative": "red", "neutral": "yellow", "positive": "green"}
STATES = {"running": "green", "waiting": "yellow", "failed": "bold red", "stopped": "dim"}
BAR = 24


@dataclass(frozen=True)
class Snapshot:
    """Everything that the live display shows at one moment."""

    seconds: float
    sending: Mapping[str, Any]
    rows: Mapping[str, int]
    freshness: Mapping[str, Any] = field(default_factory=dict)
    mood: Mapping[str, float] = field(default_factory=dict)
    hops: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    restarts: int = 0


def live(now: Snapshot) -> RenderableType:
    """The live display."""
    parts: list[RenderableType] = [_counts(now), mood_bar(now.mood), _hops(now)]
    if now.links:
        parts.append(links(now.links))
    return Panel(Group(*parts), title=f"moodstream · {now.seconds:,.0f} s", subtitle="Ctrl-C drains, audits and stops")


def one_line(now: Snapshot) -> str:
    """The same for a log: one line."""
    counts = ", ".join(f"{layer} {rows:,}" for layer, rows in now.rows.items())
    polarity = f", polarity {now.mood['polarity']:+.2f}" if now.mood else ""
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


def mood_bar(mood: Mapping[str, float]) -> Text:
    """Shares of the last minutes' texts as a bar."""
    if not mood:
        return Text("no scored texts yet", style="dim")
    bar = Text("now  ")
    for name, color in MOODS.items():
        bar.append("█" * round(mood[name] * BAR), style=color)
    shares = "  ".join(f"{name} {mood[name]:.0%}" for name in MOODS)
    return bar.append(f"  {shares}  polarity {mood['polarity']:+.2f}")


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


def audit_table(report: Mapping[str, Any]) -> RenderableType:
    """An audit's report as a table."""
    table = Table(title="audit", title_justify="left")
    for name in ("layer", "rows", "lost", "duplicated", "different", "p50", "p95", "p99"):
        table.add_column(name, justify="left" if name == "layer" else "right")
    latency = report["latency_s"]
    bronze, silver, rejected, warehouse = (report[name] for name in ("bronze", "silver", "rejected", "warehouse"))
    table.add_row("sent", f"{report['sent']:,}")
    table.add_row("bronze", *_numbers(bronze, bronze["altered"]))
    wrong = silver["unexpected"] + (silver["users_difference"] or 0)
    table.add_row("silver", *_numbers(silver, wrong), *_seconds(latency["silver"]))
    table.add_row("rejected", f"{rejected['rows']:,}", str(rejected["missing"]), "", str(rejected["unexpected"]))
    table.add_row("gold", "", "", "", str(report["gold"]["difference"]), *_seconds(latency["gold"]))
    wrong = warehouse["unexpected"] + warehouse["gold_difference"]
    table.add_row("warehouse", *_numbers(warehouse, wrong), *_seconds(latency["warehouse"]))
    return Group(table, _verdict(report))


def _verdict(report: Mapping[str, Any]) -> Text:
    verdict = Text("passed" if report["passed"] else "FAILED", style="bold green" if report["passed"] else "bold red")
    notes = [f"{report['duplicates_dropped']:,} duplicates dropped"]
    reasons = report["rejected"]["by_reason"]
    if reasons:
        notes.append("rejected: " + ", ".join(f"{reason} {count}" for reason, count in reasons.items()))
    if report["unsendable"]["records"]:
        notes.append(f"{report['unsendable']['records']} records that the stream cannot take")
    if report["latency_s"]["warm_up_s"]:
        notes.append(f"latencies in seconds, without the first {report['latency_s']['warm_up_s']:.0f} s of each start")
    return verdict.append("; " + "; ".join(notes), style="not bold default")


def _numbers(layer: Mapping[str, Any], different: int) -> tuple[str, ...]:
    return f"{layer['rows']:,}", str(layer["lost"]), str(layer["duplicated"]), str(different)


def _seconds(values: Mapping[str, float] | None) -> tuple[str, ...]:
    return tuple(f"{values[name]:.2f}" for name in ("p50", "p95", "p99")) if values else ()
