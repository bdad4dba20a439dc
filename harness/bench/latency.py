"""`moodstream bench latency`: seconds from the put to silver, gold and warehouse, and CPU seconds per million events.

Runs the demo several times, headless, each time in a fresh temporary working directory: as it is; with a job that
writes silver in the way of Delta's documentation (harness/bench/baselines.py: every append asks the table for its
transaction, one table after the other); with `--against`, also that release's own demo. The latencies are those of the
audit: from a record's arrival in the stream to the commit that made it visible, without records that arrived while the
job was starting. CPU seconds are those of the streaming job (JVM, driver, Python workers), without its start.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local.errors import ServiceError
from deploy.local.workdir import Workdir, prepared
from harness.arguments import Parser, number
from harness.bench import machine
from harness.bench.cpu import CpuMeter
from harness.bench.releases import checked_out
from harness.demo import command as demo
from harness.demo import models

EXAMPLES = """examples:
  moodstream bench latency
  moodstream bench latency --seconds 300 --rate 1000 --json
  moodstream bench latency --rate 1000 --against v0.3.0     also an older release, by tag or commit
"""
OURS, NAIVE, AGAINST = "ours", "naive", "against"
MODULES = {OURS: "streaming", NAIVE: "harness.bench.baselines"}
LAYERS = ("silver", "gold", "warehouse")
QUANTILES = ("p50", "p95", "p99")


class Run(NamedTuple):
    """One demo: its report, and its job's CPU seconds per million events (None if it sent nothing)."""

    report: dict[str, Any]
    cpu: dict[str, float] | None


def measured(
    seconds: float,
    rate: float,
    environ: Mapping[str, str],
    progress: Callable[[str], None],
    against: str | None = None,
) -> dict[str, Any]:
    """Run the demo with each job; what `--json` prints. `against`: a commit whose demo is run as well.

    Raises ServiceError if a demo ends without a report, UsageError if there is no such commit.
    """
    runs, vader = {}, machine.vader_rate()
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        if against is not None:
            with checked_out(against, Path(folder) / "release") as release:
                progress(f"{against}: {seconds:.0f} s at {rate:.0f} records a second")
                runs[AGAINST] = run_demo(seconds, rate, environ, release=release)
        registry = trained_registry(Path(folder) / "trained", environ, progress)
        for name, module in MODULES.items():
            progress(f"{name}: {seconds:.0f} s at {rate:.0f} records a second")
            runs[name] = run_demo(seconds, rate, environ, module, registry=registry)
    return result(seconds, rate, runs, against, vader)


def result(
    seconds: float, rate: float, runs: Mapping[str, Run], against: str | None = None, vader: int | None = None
) -> dict[str, Any]:
    """What `--json` prints, from the runs by job; `vader`: how fast the machine is (machine.py)."""
    audits = {name: run.report["audit"] for name, run in runs.items()}
    latencies = {name: {layer: audit["latency_s"][layer] for layer in LAYERS} for name, audit in audits.items()}
    found = {
        "seconds": seconds,
        "rate": rate,
        "vader_texts_per_second": vader,
        "latency_s": latencies,
        "cpu_seconds_per_million_events": {name: run.cpu["total"] if run.cpu else None for name, run in runs.items()},
        "cpu_parts": {name: run.cpu for name, run in runs.items()},
        "warm_up_s": {name: audit["latency_s"].get("warm_up_s") for name, audit in audits.items()},
        "events_per_second": {name: run.report["events_per_second"] for name, run in runs.items()},
        "passed": {name: audit["passed"] for name, audit in audits.items()},
    }
    for other in (NAIVE, AGAINST):
        if other in runs and OURS in runs:
            found[f"{other}_over_ours"] = _ratios(latencies[other], latencies[OURS])
    return {**found, "against": against} if against else found


def trained_registry(folder: Path, environ: Mapping[str, str], progress: Callable[[str], None]) -> Path:
    """Train a champion in the new `folder`; returns the registry's folder, which must stay: copies refer to its files.

    Raises ServiceError if the training fails.
    """
    place = prepared(str(folder))
    models.ensure_champion(place, environ, progress)
    return place.mlflow


def run_demo(
    seconds: float,
    rate: float,
    environ: Mapping[str, str],
    module: str = "streaming",
    release: Path | None = None,
    registry: Path | None = None,
) -> Run:
    """Run one demo in a fresh directory, with the job `module` or as an older release has it; raises ServiceError.

    `registry`: the folder of a registry with a champion, which spares the demo a training.
    """
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else where we are root
        if registry is not None:
            shutil.copytree(registry, Workdir(Path(folder)).mlflow)
        argv = ["--headless", "--json", "--workdir", folder, "--seconds", str(seconds), "--rate", str(rate)]
        with CpuMeter(Workdir(Path(folder))) as meter:
            code, text = _older(release, argv, environ) if release else _own(argv, environ, module)
    lines = text.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise ServiceError(f"the demo of {release or module} ended without a report, exit code {code}")
    report: dict[str, Any] = json.loads(lines[-1])
    if report["seconds"] < 0.9 * seconds:
        raise ServiceError(f"interrupted after {report['seconds']:.0f} of {seconds:.0f} s")
    return Run(report, meter.per_million())


def _own(argv: Sequence[str], environ: Mapping[str, str], module: str) -> tuple[int, str]:
    """Exit code and standard output; progress goes to standard error."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        code = demo.main(argv, environ, module)
    return code, output.getvalue()


def _older(release: Path, argv: Sequence[str], environ: Mapping[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-m", "moodstream", "demo", *argv]
    done = subprocess.run(command, cwd=release, env=dict(environ), stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout


def _ratios(other: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, dict[str, float] | None]:
    return {layer: _ratio(other[layer], ours[layer]) for layer in LAYERS}


def _ratio(other: Mapping[str, float] | None, ours: Mapping[str, float] | None) -> dict[str, float] | None:
    """The other job's latency / our latency by quantile; None if a layer has no rows."""
    if not other or not ours or not all(ours.values()):
        return None
    return {quantile: round(other[quantile] / ours[quantile], 2) for quantile in QUANTILES}


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 1 if an audit failed. Raises LocalError, also if a demo broke off."""
    options = _options(argv)
    found = measured(options.seconds, options.rate, environ, _progress, options.against)
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
    add("--against", metavar="COMMIT", help="also run the demo of this older release of the project")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args(list(argv))


def markdown(found: Mapping[str, Any]) -> str:
    """The result as Markdown tables."""
    names = list(found["latency_s"])
    lines = [
        f"{found['seconds']:.0f} s at {found['rate']:.0f} records a second; seconds from the put to the commit.",
        "",
        f"| layer | {' | '.join(f'{name} {quantile}' for name in names for quantile in QUANTILES)} |",
        "|---|" + "---:|" * (len(names) * len(QUANTILES)),
    ]
    for layer in LAYERS:
        parts = [found["latency_s"][name][layer] for name in names]
        lines.append(
            f"| {layer} | {_cells(part[quantile] if part else '' for part in parts for quantile in QUANTILES)} |"
        )
    lines += _ratio_lines(found)
    lines += [
        "",
        "| CPU seconds per million events | total | JVM | driver | Python workers |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, parts in found["cpu_parts"].items():
        cells = [parts[part] if parts else "" for part in ("total", "jvm", "driver", "workers")]
        lines.append(f"| {name} | {_cells(cells)} |")
    failed = [name for name, passed in found["passed"].items() if not passed]
    lines += ["", f"The audit failed for: {', '.join(failed)}."] if failed else []
    lines += ["", f"`against` is {found['against']}."] if found.get("against") else []
    return "\n".join(lines) + "\n"


def _ratio_lines(found: Mapping[str, Any]) -> list[str]:
    lines = ["", f"| times ours | {' | '.join(f'{layer} {each}' for layer in LAYERS for each in QUANTILES)} |"]
    lines.append("|---|" + "---:|" * (len(LAYERS) * len(QUANTILES)))
    for other in (NAIVE, AGAINST):
        ratios = found.get(f"{other}_over_ours")
        if ratios:
            cells = [ratios[layer][each] if ratios[layer] else "" for layer in LAYERS for each in QUANTILES]
            lines.append(f"| {other} | {_cells(cells)} |")
    return lines


def _cells(values: Iterable[object]) -> str:
    return " | ".join(map(str, values))
