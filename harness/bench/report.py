"""`python -m harness.bench.report PAGE [MEASUREMENT [OPTIONS]]`: measures and writes the tables into a page.

Replaces only the text between a measurement's markers, `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, so that one
measurement can be repeated alone. Each measurement runs in its own process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.local.errors import ServiceError, UsageError
from harness.arguments import Parser
from harness.bench import (
    MEASUREMENTS,
    alerts,
    backlog,
    capacity,
    catchup,
    growth,
    latency,
    machine,
    refine,
    warehouse,
)
from moodstream import exit_code_of

EXAMPLES = """examples:
  python -m harness.bench.report docs/benchmarks.md                  everything; over half an hour
  python -m harness.bench.report docs/benchmarks.md refine
  python -m harness.bench.report docs/benchmarks.md scoring --cold   its own table
  python -m harness.bench.report docs/benchmarks.md growth --batches 500
"""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and rewrite the page; returns 1 if a measurement is beyond its limit. Raises LocalError, if one fails."""
    options = _options(argv)
    names = [options.measurement] if options.measurement else list(MEASUREMENTS)
    page = _read(options.page, [_place(name, options.options) for name in names])
    worst = 0
    for name in names:
        found, code = _measure(name, options.options, environ)
        page = filled(page, _place(name, options.options), section(name, options.options, found))
        options.page.write_text(page)
        worst = max(worst, code)
    return worst


def _place(name: str, options: Sequence[str]) -> str:
    """The name in the markers: that of cold texts is one of its own."""
    return f"{name}-cold" if "--cold" in options else name


def _read(path: Path, names: Sequence[str]) -> str:
    try:
        page = path.read_text()
    except OSError as error:
        raise UsageError(f"PAGE: cannot read '{path}': {error.strerror}") from error
    missing = [name for name in names if not all(mark in page for mark in _marks(name))]
    if missing:
        raise UsageError(f"PAGE: '{path}' has no markers {' and '.join(_marks(missing[0]))}")
    return page


def _measure(name: str, options: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """Run a measurement; returns its JSON and its exit code (1: beyond its limit). Raises ServiceError if it fails."""
    command = [sys.executable, "-m", "moodstream", "bench", name, "--json", *options]
    sys.stderr.write(f"measuring {name}\n")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=dict(environ), check=False)  # noqa: S603
    lines = done.stdout.splitlines()
    if done.returncode > 1 or not lines:
        raise ServiceError(f"`moodstream bench {' '.join([name, *options])}` ended with exit code {done.returncode}")
    found: dict[str, Any] = json.loads(lines[-1])
    return found, done.returncode


def section(name: str, options: Sequence[str], found: Mapping[str, Any]) -> str:
    """One measurement as Markdown: command, date, commit and machine, then its tables."""
    command = " ".join(["moodstream bench", name, *options])
    today = datetime.now(UTC).date().isoformat()
    return f"`{command}`, {today}, commit {_commit()}, {machine.description()}: {TABLES[name](found)}"


def _commit() -> str:
    """The short hash of the measured commit; `unknown` outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"


def filled(page: str, name: str, text: str) -> str:
    """The page with `text` between the measurement's markers."""
    begin, end = _marks(name)
    before, rest = page.split(begin, 1)
    return f"{before}{begin}\n{text.strip()}\n{end}{rest.split(end, 1)[1]}"


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"


def scoring(found: Mapping[str, Any]) -> str:
    """The table of `bench scoring`, fastest first."""
    vader = found["rates"]["vader"]
    lines = [
        f"{found['rows']:,} {'cold texts' if found['cold'] else 'texts'}, medians of {found['rounds']} rounds.",
        "",
        "| query | rows/s | slowest to fastest | over VADER |",
        "|---|---:|---:|---:|",
    ]
    for name, rate in sorted(found["rates"].items(), key=lambda pair: -pair[1]):
        slow, fast = found["spread"][name]
        lines.append(f"| {name} | {rate:,} | {slow:,} to {fast:,} | {rate / vader:.2f}x |")
    return "\n".join(lines) + "\n"


TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "scoring": scoring,
    "alerts": alerts.markdown,
    "refine": refine.markdown,
    "latency": latency.markdown,
    "capacity": capacity.markdown,
    "growth": growth.markdown,
    "warehouse": warehouse.markdown,
    "catchup": catchup.markdown,
    "backlog": backlog.markdown,
}


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("python -m harness.bench.report", __doc__, EXAMPLES)
    parser.add_argument("page", type=Path, metavar="PAGE", help="Markdown with a pair of markers for each measurement")
    parser.add_argument(
        "measurement", nargs="?", choices=tuple(MEASUREMENTS), metavar="MEASUREMENT", help="default: all"
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTIONS", help="options of the measurement")
    return parser.parse_args(list(argv))


if __name__ == "__main__":
    sys.exit(exit_code_of("moodstream bench report", main, sys.argv[1:], os.environ))
