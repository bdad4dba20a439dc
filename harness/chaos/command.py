"""`moodstream chaos [--kills N] [--seed S] [--faults ...] [--lake s3]`: breaks the job under load, then audits.

`moodstream chaos --hostile [--minutes N] [--seed S]` instead brings made-up records through every layer.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local import stack, workdir
from deploy.local.errors import UsageError
from harness.arguments import Parser, number
from harness.chaos.faults import FAULTS, ON_S3
from harness.chaos.lake import Lake
from harness.chaos.run import ChaosRun
from harness.demo import settings as demo_settings

ALL = "all"
COLUMNS = ("fault", "reached", "ready_s", "stopped", "went_on", "requests_broken", "recovered_s", "lost", "doubled")
EXAMPLES = """examples:
  moodstream chaos --kills 20 --json
  moodstream chaos --kills 0 --faults warehouse_down,kinesis_throttled
  moodstream chaos --kills 0 --lake s3 --faults s3_failing,s3_answers_lost,s3_slow
  moodstream chaos --kills 100 --seed 7 --report docs/chaos.md
  moodstream chaos --hostile --minutes 60 --json
"""


@dataclass(frozen=True)
class ChaosSettings:
    """Options of one run. `workdir` None: a temporary one, which is removed if the audit passes."""

    kills: int
    seed: int
    rate: float
    faults: tuple[str, ...]
    lake: str
    workdir: str | None
    connector: str
    jars: str
    report: Path | None
    hostile: bool
    minutes: float
    json: bool


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run kills and faults, print the report; returns 1 if rows were lost or doubled. Raises LocalError."""
    options = ChaosSettings(**vars(_parser().parse_args(list(argv))))
    if options.hostile:
        return _hostile(options, environ)
    result = _run(options, environ)
    if options.report:
        options.report.write_text(markdown(result, argv))
    sys.stdout.write(json.dumps(result) + "\n" if options.json else markdown(result, argv))
    return 0 if result["audit"]["passed"] and result["drained"] else 1


def _hostile(options: ChaosSettings, environ: Mapping[str, str]) -> int:
    from harness.chaos.hostile import run

    result = run.run(options.minutes, options.seed, environ, Progress())
    sys.stdout.write(json.dumps(result) + "\n" if options.json else run.readable(result))
    return 0 if result["found"] is None else 1


def _run(options: ChaosSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    root = options.workdir or tempfile.mkdtemp(prefix="moodstream-chaos-")
    load = ("--workdir", root, "--rate", str(options.rate), "--seed", str(options.seed))
    source = ("--kinesis-connector", options.connector, "--jars", options.jars)
    changes = ("--deletions", "0.01", "--edits", "0.005")
    demo = demo_settings.from_arguments(["--headless", *load, *changes, *source], environ)
    faults = _possible(options.faults, options.lake)
    place = workdir.prepared(root)
    with workdir.held(place):
        try:
            run = ChaosRun(demo, place, Lake(options.lake), environ, Progress())
            result = run.run(options.kills, faults, options.seed)
        finally:
            stack.stop_all(place)
    if options.workdir is None and result["audit"]["passed"]:
        shutil.rmtree(root, ignore_errors=True)
    return result | {"workdir": root}


def _possible(faults: tuple[str, ...], lake: str) -> tuple[str, ...]:
    """The names of the faults to run, `all` expanded; raises UsageError for a fault that needs another lake."""
    if faults == (ALL,):
        return tuple(name for name in FAULTS if lake == "s3" or name not in ON_S3)
    for name in faults:
        if lake != "s3" and name in ON_S3:
            raise UsageError(f"--faults: {name} needs a lake on S3; say --lake s3")
    return faults


def markdown(result: Mapping[str, Any], argv: Sequence[str]) -> str:
    """The report as Markdown: a table of the faults, then the rows that each layer lost and doubled."""
    audit = result["audit"]
    layers = [
        f"| {name} | {audit[name].get('lost', '')} | {audit[name].get('duplicated', '')} |"
        for name in ("bronze", "silver", "warehouse")
    ]
    return "\n".join(
        [
            f"Measured with `moodstream chaos {' '.join(argv)}`: {audit['sent']} records sent.",
            "",
            "| " + " | ".join(COLUMNS) + " |",
            "|" + "---|" * len(COLUMNS),
            *("| " + " | ".join(_cell(fault.get(column)) for column in COLUMNS) + " |" for fault in result["faults"]),
            "",
            "| layer | lost | doubled |",
            "|---|---|---|",
            *layers,
            f"| gold | difference {audit['gold']['difference']} | |",
            "",
            f"Audit {'passed' if audit['passed'] else 'failed'}.",
            "",
        ]
    )


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)


class Progress:
    """Writes what the run is doing to standard error, each line once."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, what: str) -> None:
        """Write the line unless it is the last one again."""
        if what != self._last:
            sys.stderr.write(f"{what}\n")
            sys.stderr.flush()
        self._last = what


def _faults(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, text.split(",")))
    unknown = [name for name in names if name not in FAULTS and names != (ALL,)]
    if unknown:
        raise argparse.ArgumentTypeError(f"received '{unknown[0]}', expected all, or some of {', '.join(FAULTS)}")
    return names


def _parser() -> Parser:
    parser = Parser(
        "moodstream chaos",
        "Kill the job at its commit points, break what it depends on, then audit every layer.",
        EXAMPLES,
    )
    add = parser.add_argument
    add("--kills", type=number(-1, 10_000, "a whole number from 0", int), default=20, metavar="N",
        help="kills of the job: at each commit point in turn, and at random moments (default 20)")  # fmt: skip
    add("--seed", type=int, default=1, metavar="S", help="seed of the random moments or streams (default 1)")
    add("--rate", type=number(0, 1e5, "records a second above 0"), default=300.0, metavar="R",
        help="load, in records a second (default 300)")  # fmt: skip
    add("--faults", type=_faults, default=(), metavar="NAMES", help=f"all, or some of {', '.join(FAULTS)}")
    add("--lake", choices=("local", "s3"), default="local",
        help="s3: put the job's lake on the emulated S3, which faults can break (fetches 280 MB of jars)")  # fmt: skip
    add("--workdir", metavar="DIR", help="working directory (default: a temporary one)")
    add("--kinesis-connector", dest="connector", default="qubole", metavar="NAME", help="see `moodstream demo --help`")
    add("--jars", default="", metavar="PATHS", help="see `moodstream demo --help`")
    add("--hostile", action="store_true",
        help="instead of kills: bring made-up records at and beyond every bound through every layer")  # fmt: skip
    add("--minutes", type=number(0, 1e4, "minutes above 0"), default=60.0, metavar="N",
        help="how long --hostile goes on unless it finds a difference (default 60)")  # fmt: skip
    add("--report", type=Path, metavar="FILE", help="also write the report to FILE, as Markdown")
    add("--json", action="store_true", help="print one JSON object on standard output")
    return parser
