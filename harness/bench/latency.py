"""`moodstream bench latency`: seconds from the put to silver, gold and warehouse, ours against a naive job.

Runs the demo twice, headless, each time in a fresh temporary working directory: once as it is, once with a job that
writes silver in the way of Delta's documentation (harness/bench/baselines.py: every append asks the table for its
transaction, one table after the other). The latencies are those of the audit: from a record's arrival in the stream
to the commit that made it visible, without records that arrived while the job was starting.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.local.errors import ServiceError
from harness.arguments import Parser, number
from harness.demo import command as demo

EXAMPLES = """examples:
  moodstream bench latency
  moodstream bench latency --seconds 300 --rate 1000 --json
"""
JOBS = {"ours": "streaming", "naive": "harness.bench.baselines"}
LAYERS = ("silver", "gold", "warehouse")
QUANTILES = ("p50", "p95", "p99")


def measured(
    seconds: float, rate: float, environ: Mapping[str, str], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Run the demo with each job; what `--json` prints. Raises ServiceError if a demo ends without a report."""
    reports = {}
    for name, module in JOBS.items():
        progress(f"{name}: {seconds:.0f} s at {rate:.0f} records a second")
        reports[name] = _demo(module, seconds, rate, environ)
    audits = {name: report["audit"] for name, report in reports.items()}
    latencies = {name: {layer: audit["latency_s"][layer] for layer in LAYERS} for name, audit in audits.items()}
    return {
        "seconds": seconds,
        "rate": rate,
        "latency_s": latencies,
        "naive_over_ours": _ratios(latencies["naive"], latencies["ours"]),
        "warm_up_s": {name: audit["latency_s"].get("warm_up_s") for name, audit in audits.items()},
        "events_per_second": {name: report["events_per_second"] for name, report in reports.items()},
        "passed": {name: audit["passed"] for name, audit in audits.items()},
    }


def _demo(module: str, seconds: float, rate: float, environ: Mapping[str, str]) -> dict[str, Any]:
    """The demo's report; progress goes to standard error."""
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else where we are root
        argv = ["--headless", "--json", "--workdir", folder, "--seconds", str(seconds), "--rate", str(rate)]
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = demo.main(argv, environ, module)
        lines = output.getvalue().splitlines()
    if not lines:
        raise ServiceError(f"the demo with the job {module} ended without a report, exit code {code}")
    report: dict[str, Any] = json.loads(lines[-1])
    if report["seconds"] < 0.9 * seconds:
        raise ServiceError(f"interrupted after {report['seconds']:.0f} of {seconds:.0f} s")
    return report


def _ratios(naive: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, dict[str, float] | None]:
    return {layer: _ratio(naive[layer], ours[layer]) for layer in LAYERS}


def _ratio(naive: Mapping[str, float] | None, ours: Mapping[str, float] | None) -> dict[str, float] | None:
    """Naive latency / our latency by quantile; None if a layer has no rows."""
    if not naive or not ours or not all(ours.values()):
        return None
    return {quantile: round(naive[quantile] / ours[quantile], 2) for quantile in QUANTILES}


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 1 if an audit failed. Raises LocalError, also if a demo broke off."""
    options = _options(argv)
    found = measured(options.seconds, options.rate, environ, _progress)
    sys.stdout.write(json.dumps(found) + "\n" if options.json else markdown(found))
    return 0 if all(found["passed"].values()) else 1


def _progress(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("moodstream bench latency", __doc__, EXAMPLES)
    add = parser.add_argument
    add(
        "--seconds",
        type=number(0, 1e6, "seconds above 0"),
        default=120.0,
        metavar="N",
        help="seconds of each demo (120)",
    )
    add("--rate", type=number(0, 1e6, "records a second above 0"), default=500.0, metavar="R",
        help="records a second (500)")  # fmt: skip
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args(list(argv))


def markdown(found: Mapping[str, Any]) -> str:
    """The result as a Markdown table."""
    lines = [
        f"{found['seconds']:.0f} s at {found['rate']:.0f} records a second; seconds from the put to the commit.",
        "",
        "| layer | ours p50 | p95 | p99 | naive p50 | p95 | p99 | naive over ours p50 | p95 | p99 |",
        "|---|" + "---:|" * 9,
    ]
    for layer in LAYERS:
        parts = [found["latency_s"]["ours"][layer], found["latency_s"]["naive"][layer], found["naive_over_ours"][layer]]
        cells = [str(part[quantile]) if part else "" for part in parts for quantile in QUANTILES]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    failed = [name for name, passed in found["passed"].items() if not passed]
    lines += ["", f"The audit failed for: {', '.join(failed)}."] if failed else []
    return "\n".join(lines) + "\n"
