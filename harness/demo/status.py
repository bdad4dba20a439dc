"""`moodstream status`: which processes of a working directory run, the state of its hops, the rows of each layer.

With `--lake` it shows the state of any lake instead, see harness/status.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from deploy.local import (
    aws,
    pages,
    postgres,
    processes,
    workdir,
)
from deploy.local.workdir import Workdir
from harness.arguments import Parser
from harness.demo import (
    drain,
    job,
    models,
    sender,
)
from harness.demo.counts import SILVER, Layers
from harness.demo.screen import STATES, sentiment_bar
from harness.status import screen
from harness.status.command import show

SERVICES = (aws.NAME, postgres.NAME, pages.MLFLOW, pages.DASHBOARD, job.NAME, sender.NAME)
EXAMPLES = """examples:
  moodstream status
  moodstream status --workdir /tmp/demo --json
  moodstream status --lake s3://my-lake --metrics-namespace Moodstream     a job on AWS, and what to do next
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Show the state of a working directory, or of a lake; returns 0. Raises LocalError."""
    options = _options(argv)
    if options.lake:
        return show(options, environ)
    found = status(workdir.existing(options.workdir))
    if options.json:
        sys.stdout.write(json.dumps(found, default=str) + "\n")
    else:
        screen.show(found["workdir"], _readable(found))
    return 0


def status(place: Workdir) -> dict[str, Any]:
    """Services by name (pid, port, alive), hops as the job last reported them, rows by layer, and the sentiment.

    `demo` is the pid of the demo that runs there, or None. Reads the tables' logs only, and the warehouse if it runs.
    """
    layers = Layers(place)
    found = job.read_status(place.status)
    freshness = layers.freshness()
    running = _service(place, job.NAME)["alive"]
    hops = found.get("hops", {})
    return {
        "workdir": str(place.root),
        "demo": workdir.is_held(place),
        "champion": models.champion_version(place),
        "services": {name: _service(place, name) for name in SERVICES},
        "updated_at": found.get("updated_at"),
        # A killed job leaves its last status behind, in which its hops still run.
        "hops": hops if running else {name: {**hop, "state": "stopped"} for name, hop in hops.items()},
        "rows": {
            "bronze": layers.bronze(),
            **{f"silver/{name}": layers.table(f"silver/{name}") for name in SILVER},
            "rejected": layers.rejected(),
            "gold": freshness.get("total", 0),
            "warehouse": _loaded(place),
        },
        "gold_lag_s": {"p50": freshness.get("lag_p50_s"), "p95": freshness.get("lag_p95_s")},
        "mood": layers.sentiment(),
    }


def _service(place: Workdir, name: str) -> dict[str, Any]:
    last = processes.recorded(name, place.run)
    if last is None:
        return {"alive": False, "pid": None, "port": None}
    alive = last.alive
    return {"alive": alive, "pid": last.pid if alive else None, "port": last.port or None if alive else None}


def _loaded(place: Workdir) -> int | None:
    last = processes.recorded(postgres.NAME, place.run)
    if last is None or not last.alive:
        return None
    return drain.loaded(postgres.Postgres(last, postgres.read_password(place)))


def _readable(found: Mapping[str, Any]) -> Group:
    services = Table(box=None)
    for name in ("service", "state", "pid", "port"):
        services.add_column(name)
    for name, service in found["services"].items():
        state = "[green]running[/green]" if service["alive"] else "[dim]stopped[/dim]"
        services.add_row(name, state, str(service["pid"] or ""), str(service["port"] or ""))
    hops = Table(box=None)
    for name in ("hop", "state", "batch", "rows/s", "restarts", "error"):
        hops.add_column(name)
    for name, hop in found["hops"].items():
        state = str(hop.get("state"))
        rate = hop.get("rows_per_second")
        hops.add_row(
            name,
            f"[{STATES.get(state, 'default')}]{state}[/]",
            str(hop.get("batch") if hop.get("batch") is not None else ""),
            f"{rate:,.0f}" if rate else "",
            str(hop.get("restarts") or ""),
            Text(str(hop.get("error") or "")),
        )
    rows = Table(box=None)
    rows.add_column("layer")
    rows.add_column("rows", justify="right")
    for name, count in found["rows"].items():
        rows.add_row(name, "-" if count is None else f"{count:,}")
    return Group(services, hops, rows, sentiment_bar(found["mood"]))


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        "moodstream status",
        "Show which processes of a working directory run, the state of its hops, and the rows of each layer. "
        "With --lake: the tables of any lake, the job that writes it, and what to do next.",
        EXAMPLES,
    )
    parser.add_argument("--workdir", default=workdir.DEFAULT, metavar="DIR", help="the demo's working directory")
    parser.add_argument("--lake", metavar="LAKE", help="folder or s3:// URL of any lake, instead of a demo")
    parser.add_argument("--status-file", metavar="FILE", help="with --lake: where the job writes its status")
    parser.add_argument("--metrics-namespace", metavar="NAME", help="with --lake: the job's namespace in CloudWatch")
    parser.add_argument("--region", help="with --lake: AWS region (AWS_REGION)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args(list(argv))
