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
    "HopFailed": "1 while a hop has failed for good, and when it ended with an error since the last value; else 0",
    "HopStalled": "1 while a hop finishes no batch though the hop before it goes on; else 0",
    "HopState": "1 while a hop runs, 0 while it waits for its next start or has failed",
    "InputRows": "rows that a micro-batch read",
    "LagSeconds": "95th percentile of (commit - arrival) over the events of a batch of gold",
    "ProcessedRowsPerSecond": "rows of a micro-batch, divided by how long it took",
    "RejectedRows": "events of one minute that broke the contract",
    "LastProgressAge": "how long ago a hop finished a batch or a round; grows while there is nothing to do",
    "Restarts": "starts since the last value, without a hop's first",
}
COMPARED = {"GREATER_THAN_THRESHOLD": ">", "LESS_THAN_THRESHOLD": "<"}
HEAD = """# Metrics and alarms

Written by `make reference` from the calls in `streaming` that make a metric and from `deploy/infra/alarms.toml`.

## Metrics

The job sends these to the CloudWatch namespace of `--metrics-namespace` (`Moodstream` where the templates deploy it).
The dimension `Hop` is the name of the hop that is measured. `--otlp-endpoint` sends them to an OpenTelemetry collector
([names](../observability.md)).

"""


def page() -> str:
    """The page."""
    metrics = table(("metric", "dimensions", "unit", "meaning", "sent by"), sorted(_metrics()))
    alarms = table(("alarm", "on", "fires when", "means"), _alarms())
    return HEAD + metrics + "\n## Alarms\n\nWhat to do is in the [runbook](../runbook.md).\n\n" + alarms


def sent() -> Iterator[tuple[str, str | None, str]]:
    """Every metric that the code can send: its name, its hop (None: any that the file measures), the file."""
    for name, hop, _, path in _calls():
        yield name, hop, path


def _metrics() -> Iterator[tuple[str, str, str, str, str]]:
    for name, hop, unit, path in _calls():
        dimension = f"`Hop` = {hop}" if hop else "`Hop`"
        yield f"`{name}`", dimension, unit, MEANINGS[name], f"`{path}`"


def _calls() -> Iterator[tuple[str, str | None, str, str]]:
    for path in sorted((ROOT / "streaming").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Metric":
                name, hop, _, unit = (_literal(each) for each in node.args[:4])
                if name is None or unit is None:
                    raise ValueError(f"{path}:{node.lineno}: name and unit of a metric have to be literals")
                if name not in MEANINGS:
                    raise ValueError(f"docs/generate/metrics.py: MEANINGS lacks the metric {name}")
                yield name, hop, unit, path.relative_to(ROOT).as_posix()


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
