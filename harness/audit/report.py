"""An audit's report: whether it passed, and how a person reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text


def passed(report: Mapping[str, Any]) -> bool:
    """Whether no layer lost, doubled, invented or changed anything."""
    faults = (
        *(report["bronze"][key] for key in ("lost", "duplicated", "altered")),
        *(report["silver"][key] for key in ("lost", "duplicated", "unexpected")),
        report["silver"]["users_difference"] or 0,
        *(report["rejected"][key] for key in ("missing", "unexpected")),
        report["gold"]["difference"],
        *(report["retractions"][key] for key in ("left", "unnoted")),
        *(report["warehouse"][key] for key in ("lost", "duplicated", "unexpected", "gold_difference")),
    )
    return not any(faults)


def readable(report: Mapping[str, Any]) -> str:
    """The report as text for a person."""
    console = Console(width=100)
    with console.capture() as captured:
        console.print(table(report))
    return captured.get()


def table(report: Mapping[str, Any]) -> RenderableType:
    """The report as a table of the layers, and the verdict below it."""
    layers = Table(title="audit", title_justify="left")
    for name in ("layer", "rows", "lost", "duplicated", "different", "p50", "p95", "p99"):
        layers.add_column(name, justify="left" if name == "layer" else "right")
    latency = report["latency_s"]
    bronze, silver, rejected, warehouse = (report[name] for name in ("bronze", "silver", "rejected", "warehouse"))
    layers.add_row("sent", f"{report['sent']:,}")
    layers.add_row("bronze", *_numbers(bronze, bronze["altered"]))
    wrong = silver["unexpected"] + (silver["users_difference"] or 0)
    layers.add_row("silver", *_numbers(silver, wrong), *_seconds(latency["silver"]))
    layers.add_row("rejected", f"{rejected['rows']:,}", str(rejected["missing"]), "", str(rejected["unexpected"]))
    layers.add_row("gold", "", "", "", str(report["gold"]["difference"]), *_seconds(latency["gold"]))
    wrong = warehouse["unexpected"] + warehouse["gold_difference"]
    layers.add_row("warehouse", *_numbers(warehouse, wrong), *_seconds(latency["warehouse"]))
    return Group(layers, _verdict(report))


def _verdict(report: Mapping[str, Any]) -> Text:
    verdict = Text("passed" if report["passed"] else "FAILED", style="bold green" if report["passed"] else "bold red")
    notes = [f"{report['duplicates_dropped']:,} duplicates dropped"]
    reasons = report["rejected"]["by_reason"]
    if reasons:
        notes.append("rejected: " + ", ".join(f"{reason} {count}" for reason, count in reasons.items()))
    if report["quarantined"]["rows"]:
        notes.append(f"{report['quarantined']['rows']} rows in quarantine (`moodstream quarantined list`)")
    if report["unsendable"]["records"]:
        notes.append(f"{report['unsendable']['records']} records that the stream cannot take")
    if report["retractions"]["deletions"]:
        notes.append("{deletions:,} deletions, {gone:,} events gone".format(**report["retractions"]))
    if report["unfinished"]:
        names = ", ".join(report["unfinished"])
        notes.append(f"{names} has not ended, and layers may differ until it has: run it again, then audit")
    if report["latency_s"]["warm_up_s"]:
        notes.append(f"latencies in seconds, without the first {report['latency_s']['warm_up_s']:.0f} s of each start")
    return verdict.append("; " + "; ".join(notes), style="not bold default")


def _numbers(layer: Mapping[str, Any], different: int) -> tuple[str, ...]:
    return f"{layer['rows']:,}", str(layer["lost"]), str(layer["duplicated"]), str(different)


def _seconds(values: Mapping[str, float] | None) -> tuple[str, ...]:
    return tuple(f"{values[name]:.2f}" for name in ("p50", "p95", "p99")) if values else ()
