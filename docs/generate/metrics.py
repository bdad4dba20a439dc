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
    "HopFailed": "1 when a query ended with an error, 0 when it ended as asked",
    "InputRows": "rows that a micro-batch read",
    "LagSeconds": "95th percentile of (commit - arrival) over the events of a batch of gold",
    "ProcessedRowsPerSecond": "rows of a micro-batch, divided by how long it took",
    "RejectedRows": "events of one minute that broke the contract",
    "Restarts": "1 when a query started again, 0 at its first start",
}
COMPARED = {"GREATER_THAN_THRESHOLD": ">", "LESS_THAN_THRESHOLD": "<"}
HEAD = """# Metrics and alarms

Written by `make reference` from the calls in `streaming` that make a metric and from `deploy/infra/alarms.toml`.

## Metrics

The job sends these to the CloudWatch namespace of `--metrics-namespace` (`Moodstream` where the templates deploy it).
The dimension `Hop` is the name of the hop that is measured.

"""


def page() -> str:
    """The page."""
    metrics = table(("metric", "dimensions", "unit", "meaning", "sent by"), sorted(_metrics()))
    alarms = table(("alarm", "on", "fires when", "means"), _alarms())
    return HEAD + metrics + "\n## Alarms\n\nWhat to do is in the [runbook](../runbook.md).\n\n" + alarms


def _metrics() -> Iterator[tuple[str, str, str, str, str]]:
    for path in sorted((ROOT / "streaming").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Metric":
                name, hop, _, unit = (_literal(each) for each in node.args[:4])
                if name is None or unit is None:
                    raise ValueError(f"{path}:{node.lineno}: name and unit of a metric have to be literals")
                if name not in MEANINGS:
                    raise ValueError(f"docs/generate/metrics.py: MEANINGS lacks the metric {name}")
                dimension = f"`Hop` = {hop}" if hop else "`Hop`"
                yield f"`{name}`", dimension, unit, MEANINGS[name], f"`{path.relative_to(ROOT).as_posix()}`"


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
