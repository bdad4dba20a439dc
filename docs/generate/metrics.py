"""The page of what goes to CloudWatch: every metric that the job sends, and the alarms on them."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.generate.markdown import table

ROOT = Path(__file__).resolve().parents[2]
ALARMS = ROOT / "deploy" / "infra" / "alarms.toml"
MEANINGS: Mapping[str, str] = {
    "BatchSeconds": "how long a micro-batch took, from its trigger to its commit",
    "CpuSecondsPerMillionEvents": "CPU seconds of the driver (in a local run: of the whole job) for a million events",
    "HopFailed": "1 while a hop has failed for good, and when it ended with an error since the last value; else 0",
    "HopStalled": "1 while a hop finishes no batch though the hop before it goes on; else 0",
    "HopState": "1 while a hop runs, 0 while it waits for its next start or has failed",
    "InputRows": "rows that a micro-batch read; 0 for `aggregate`, whose rows Spark does not count",
    "LagSeconds": "95th percentile of (commit - arrival) over the events of a batch of gold",
    "ProcessedRowsPerSecond": "rows of a micro-batch, divided by how long it took",
    "RejectedRows": "events of one minute that broke the contract",
    "LastProgressAge": "how long ago a hop finished a batch or a round; grows while there is nothing to do",
    "Restarts": "starts since the last value, without a hop's first",
    "UsdPerMillionEvents": "price of the cores that the job held, by `--core-hour-usd`, for a million events",
    "SourceEventsPerSecond": "events of a source that the stream acknowledged, over the time since the last value",
    "SourceLagSeconds": "how old the newest event is that a connector sent; grows while the source is silent",
    "SourceReconnects": "connections to a source that broke since the last value",
}
COMPARED = {
    "GREATER_THAN_THRESHOLD": ">",
    "LESS_THAN_THRESHOLD": "<",
    "LESS_THAN_OR_EQUAL_TO_THRESHOLD": "<=",
}
HEAD = """# Metrics and alarms

Written by `make reference` from the calls in `streaming` and `connectors` that make a metric,
and from `deploy/infra/alarms.toml`.

## Metrics

The job sends these to the CloudWatch namespace of `--metrics-namespace` (`Moodstream` where the templates deploy it).
The dimension `Hop` is the name of the hop that is measured. `--otlp-endpoint` sends them to an OpenTelemetry collector
([names](../observability.md)). A connector sends its own with the dimension `Source`, the source's name.

"""


def page() -> str:
    """The page."""
    metrics = table(("metric", "dimensions", "unit", "meaning", "sent by"), sorted(_metrics()))
    alarms = table(("alarm", "on", "fires when", "means"), _alarms())
    return HEAD + metrics + "\n## Alarms\n\nWhat to do is in the [runbook](../runbook.md).\n\n" + alarms


def sent() -> Iterator[tuple[str, str | None, str]]:
    """Every metric that the code can send: its name, its hop (None: any that the file measures), the file."""
    for name, _, hop, path in _calls():
        yield name, hop, path


def sent_by_connectors() -> Iterator[tuple[str, str]]:
    """Every metric that a connector can send: its name, the file."""
    for name, _, path in _measures():
        yield name, path


def _metrics() -> Iterator[tuple[str, str, str, str, str]]:
    for name, unit, hop, path in _calls():
        dimension = f"`Hop` = {hop}" if hop else "`Hop`"
        yield f"`{name}`", dimension, unit, MEANINGS[name], f"`{path}`"
    for name, unit, path in _measures():
        yield f"`{name}`", "`Source`", unit, MEANINGS[name], f"`{path}`"


def _calls() -> Iterator[tuple[str, str, str | None, str]]:
    for path, node in _made("streaming", "Metric"):
        name, hop, _, unit = (_literal(each) for each in node.args[:4])
        yield *_checked(name, unit, path, node), hop, path


def _measures() -> Iterator[tuple[str, str, str]]:
    for path, node in _made("connectors", "Measure"):
        name, _, unit = (_literal(each) for each in node.args[:3])
        yield *_checked(name, unit, path, node), path


def _made(folder: str, kind: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call below a folder that makes a metric of a kind, with the file that it is in."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == kind:
                yield path.relative_to(ROOT).as_posix(), node


def _checked(name: str | None, unit: str | None, path: str, node: ast.Call) -> tuple[str, str]:
    if name is None or unit is None:
        raise ValueError(f"{path}:{node.lineno}: name and unit of a metric have to be literals")
    if name not in MEANINGS:
        raise ValueError(f"docs/generate/metrics.py: MEANINGS lacks the metric {name}")
    return name, unit


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _alarms() -> Iterator[tuple[str, str, str, str]]:
    for alarm in tomllib.loads(ALARMS.read_text())["alarm"]:
        name = alarm["name"]
        yield f"[`{name}`](../runbook.md#{name})", _subject(alarm), _condition(alarm), alarm["meaning"]


def _subject(alarm: Mapping[str, Any]) -> str:
    namespace = f"{alarm['namespace']} " if "namespace" in alarm else ""
    if alarm.get("each_hop"):
        return f"`{alarm['metric']}` of each hop"
    return f"{namespace}`{alarm['metric']}`" + (f" of {alarm['hop']}" if "hop" in alarm else "")


def _condition(alarm: Mapping[str, Any]) -> str:
    limit = f"{alarm['statistic']} over {alarm['period']} s {COMPARED[alarm['compare']]} {alarm['threshold']}"
    several = f", {alarm['periods']} times in a row" if alarm["periods"] > 1 else ""
    return limit + several + (" or no data" if alarm.get("missing") == "breaching" else "")
