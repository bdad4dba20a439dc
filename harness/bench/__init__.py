"""`moodstream bench`: measures ratios against named baselines, all in one run on this machine.

Each measurement is a module of this package with `main(argv, environ) -> int`; only the requested one is imported.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

from moodstream import exit_code_of

MEASUREMENTS = {
    "scoring": "rows a second of the champion in Spark against VADER, TextBlob and the Arrow floor",
    "refine": "rows a second and seconds a commit of the refine hop",
    "latency": "seconds from put to silver, gold and warehouse",
    "capacity": "the highest rate at which silver keeps up, of our job and of the naive one",
    "growth": "whether a batch's cost grows with the tables",
    "warehouse": "loads, gold to visible, and questions of the PostgreSQL warehouse",
    "catchup": "how the hop load catches up with silver, and in how much memory",
    "backlog": "how fast the whole job drains a stream that was filled while it was down",
    "alerts": "how many simulated incidents are found, how fast, and how many alarms are false",
}

USAGE = (
    "usage: moodstream bench MEASUREMENT [OPTIONS]\n\n"
    + "\n".join(f"  {name:<10}{what}" for name, what in MEASUREMENTS.items())
    + "\n\nexample: moodstream bench scoring --json\n"
)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one measurement; 2 for wrong use."""
    if not argv or argv[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if argv else 2
    name, *rest = argv
    if name not in MEASUREMENTS:
        sys.stderr.write(f"moodstream bench: unknown measurement '{name}'; one of: {', '.join(MEASUREMENTS)}\n")
        return 2
    module = importlib.import_module(f"harness.bench.{name}")
    return exit_code_of(f"moodstream bench {name}", module.main, rest, environ)
