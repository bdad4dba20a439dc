"""`moodstream bench capacity`: the highest rate at which silver keeps up, of our job and of the naive one.

A rate holds if, in a demo of --seconds at that rate, 95 of 100 events are in silver within --limit seconds of their
arrival (the first seconds of a cold JVM left out) and the audit passes. The rate is doubled from --start until one does
not hold; then the gap between the highest rate that held and the lowest that did not is halved (geometrically) until
their ratio is at most 1.15. Each rate is a demo of its own in a fresh working directory, all with the same model.
`naive` is the job of `bench latency` that writes silver in the way of Delta's documentation. With `--against`, an older
release's own demo is probed as well; it trains its own model each time.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from harness.arguments import Parser, number
from harness.bench import machine
from harness.bench.latency import AGAINST, MODULES, NAIVE, OURS, Run, run_demo, trained_registry
from harness.bench.releases import checked_out

EXAMPLES = """examples:
  moodstream bench capacity                                      half an hour and more
  moodstream bench capacity --start 500 --seconds 60 --json
  moodstream bench capacity --jobs ours --against v0.3.0         beside an older release, by tag or commit
"""
# How close the rate that held and the one that did not must be.
PRECISION = 1.15
# Below this a job is not worth measuring: it may be broken.
LOWEST = 1.0
DIGITS = 2


class Probe(NamedTuple):
    """One demo at one rate: silver's 95th percentile in seconds (None: no rows), and whether the rate held."""

    rate: float
    p95: float | None
    holds: bool


def highest(holds: Callable[[float], bool], start: float) -> float | None:
    """The highest rate that held, to within PRECISION; None if none from LOWEST on held.

    `holds` is asked for one rate after the other; it should hold below some rate and above it no more.
    """
    held, beyond = None, None
    rate = start
    while held is None or beyond is None or beyond / held > PRECISION:
        if holds(rate):
            held = rate
        else:
            beyond = rate
        if held is None:
            if rate <= LOWEST:
                return None
            rate = max(LOWEST, rate / 2)
        else:
            rate = 2 * held if beyond is None else _rounded(math.sqrt(held * beyond))
            if rate in (held, beyond):
                return held
    return held


def _rounded(rate: float) -> float:
    """To DIGITS significant digits: more would claim a precision that the measurement lacks."""
    return round(rate, DIGITS - 1 - math.floor(math.log10(rate)))


def probe(run: Run, rate: float, limit: float) -> Probe:
    """Judge one demo."""
    audit = run.report["audit"]
    silver = audit["latency_s"]["silver"]
    p95 = silver["p95"] if silver else None
    return Probe(rate, p95, p95 is not None and p95 < limit and bool(audit["passed"]))


Demo = Callable[[float], Run]


def measured(
    options: argparse.Namespace, environ: Mapping[str, str], progress: Callable[[str], None]
) -> dict[str, Any]:
    """Probe the jobs; what `--json` prints. Raises ServiceError if a demo ends without a report."""
    probes: dict[str, list[Probe]] = {}
    vader = machine.vader_rate()
    with _demos(options, environ, progress) as demos:
        found = {name: _probed(name, demo, options, probes.setdefault(name, []), progress) for name, demo in demos}
    return {
        "seconds": options.seconds,
        "limit_s": options.limit,
        "vader_texts_per_second": vader,
        "capacity": found,
        **{f"ours_over_{other}": _ratio(found.get(OURS), found.get(other)) for other in (NAIVE, AGAINST)},
        "probes": {name: [each._asdict() for each in of_job] for name, of_job in probes.items()},
        **({"against": options.against} if options.against else {}),
    }


@contextmanager
def _demos(
    options: argparse.Namespace, environ: Mapping[str, str], progress: Callable[[str], None]
) -> Iterator[list[tuple[str, Demo]]]:
    """What runs each job's demo at a rate, by name. Raises UsageError if there is no such release."""
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        run = partial(run_demo, options.seconds, environ=environ)
        registry = trained_registry(Path(folder) / "trained", environ, progress)
        demos: list[tuple[str, Demo]] = [
            (name, partial(run, module=MODULES[name], registry=registry)) for name in options.jobs
        ]
        if options.against is None:
            yield demos
            return
        with checked_out(options.against, Path(folder) / "release") as release:
            yield [*demos, (AGAINST, partial(run, release=release))]


def _probed(
    name: str,
    demo: Demo,
    options: argparse.Namespace,
    probes: list[Probe],
    progress: Callable[[str], None],
) -> float | None:
    """The highest rate that one job held; adds each demo to `probes`."""

    def holds(rate: float) -> bool:
        probes.append(probe(demo(rate), rate, options.limit))
        progress(f"{name}: {rate:.0f} records a second: {_told(probes[-1])}")
        return probes[-1].holds

    return highest(holds, options.start)


def _ratio(ours: float | None, other: float | None) -> float | None:
    return round(ours / other, 2) if ours and other else None


def _told(found: Probe) -> str:
    return f"silver p95 {found.p95} s, {'holds' if found.holds else 'does not hold'}"


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure and print; returns 1 if a job held no rate at all. Raises LocalError."""
    found = measured(options := _options(argv), environ, _progress)
    sys.stdout.write(json.dumps(found) + "\n" if options.json else markdown(found))
    return 0 if all(found["capacity"].values()) else 1


def _progress(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("moodstream bench capacity", __doc__, EXAMPLES)
    add = parser.add_argument
    above = "above 0"
    add("--seconds", type=number(0, 1e6, f"seconds {above}"), default=120.0, metavar="N",
        help="seconds of each demo (120)")  # fmt: skip
    add("--start", type=number(0, 1e6, f"records a second {above}"), default=500.0, metavar="R",
        help="the first rate, records a second (500)")  # fmt: skip
    add("--limit", type=number(0, 1e6, f"seconds {above}"), default=5.0, metavar="S",
        help="what silver's 95th percentile must stay under, seconds (5)")  # fmt: skip
    add("--jobs", type=_jobs, default=tuple(MODULES), metavar="NAMES", help="which jobs: ours,naive (both)")
    add("--against", metavar="COMMIT", help="also probe the demo of this older release of the project")
    add("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args(list(argv))


def _jobs(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := [name for name in names if name not in MODULES]:
        raise argparse.ArgumentTypeError(f"received '{unknown[0]}', expected a list of {', '.join(MODULES)}")
    return names


def markdown(found: Mapping[str, Any]) -> str:
    """The result as a Markdown table, one line for each demo."""
    lines = [
        f"Demos of {found['seconds']:.0f} s; a rate holds with silver's p95 under {found['limit_s']:g} s.",
        "",
        "| job | capacity, records a second | probed: rate (p95 of silver, s) |",
        "|---|---:|---|",
    ]
    for name, capacity in found["capacity"].items():
        probed = ", ".join(f"{each['rate']:.0f} ({each['p95']})" for each in found["probes"][name])
        lines.append(f"| {name} | {f'{capacity:.0f}' if capacity else 'none'} | {probed} |")
    lines += ["", f"`against` is {found['against']}."] if found.get("against") else []
    return "\n".join(lines) + "\n"
