"""`python -m harness.bench.smoke [--against COMMIT] [MEASUREMENT ...]`: that no measurement rots, and no ratio worsens.

First each measurement in its smallest form: its figures mean nothing, what counts is that the command still ends with
its JSON. `latency` and `capacity` run demos of a second, with the start of Spark and a training before them. Then two
ratios beside those of an older commit (held.py), a quarter of an hour on a machine that does nothing else. Returns 1 if
a measurement fails, or if a ratio is a tenth worse.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from deploy.local.errors import UsageError
from harness.arguments import Parser
from harness.bench import MEASUREMENTS, held
from moodstream import exit_code_of

SMALLEST: Mapping[str, tuple[str, ...]] = {
    "alerts": ("--incidents", "2", "--days", "0"),
    "scoring": ("--rows", "200", "--rounds", "1"),
    "refine": ("--rows", "40", "--batches", "2", "--rounds", "1"),
    "latency": ("--seconds", "1", "--rate", "20"),
    # No demo keeps up within a millisecond: one demo at the lowest rate, and its answer is "none" (exit code 1).
    "capacity": ("--seconds", "1", "--start", "1", "--limit", "0.001", "--jobs", "ours"),
    "growth": ("--batches", "10", "--rows", "20"),
    "warehouse": ("--facts", "5000"),
    "backlog": ("--records", "500"),
    "catchup": ("--events", "20000"),
}
# A comparison of so few batches may well be beyond its limit.
MAY_BE_BEYOND = ("capacity", "growth")


EXAMPLES = """examples:
  make bench-smoke                                     all of it
  make bench-smoke ARGS="refine growth"
  make bench-smoke ARGS="scoring --against v0.3.0"     beside the ratio of an older release, by tag or commit
"""


def main(argv: Sequence[str]) -> int:
    """Run the named measurements, by default all; returns the exit code. Raises LocalError."""
    options = _options(argv)
    names = options.measurements or list(MEASUREMENTS)
    failed = [name for name in names if not works(name)]
    compared = [name for name in names if name in held.HELD and name not in failed]
    worse = [name for name in compared if not held.holds(name, options.against, _say)]
    for what, which in (("failed", failed), ("a tenth worse than before", worse)):
        if which:
            _say(f"{what}: {', '.join(which)}")
    return 1 if failed or worse else 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser("python -m harness.bench.smoke", __doc__, EXAMPLES)
    parser.add_argument("measurements", nargs="*", metavar="MEASUREMENT", help="by default all")
    parser.add_argument(
        "--against", default=held.REFERENCE, metavar="COMMIT", help="whose ratios are to be held (%(default)s)"
    )
    options = parser.parse_args(list(argv))
    if unknown := [name for name in options.measurements if name not in MEASUREMENTS]:
        raise UsageError(f"MEASUREMENT: received '{unknown[0]}', expected some of {', '.join(MEASUREMENTS)}")
    return options


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


def works(name: str) -> bool:
    """Whether a measurement in its smallest form ends as it should, with one JSON object on its last line."""
    began = time.monotonic()
    command = [sys.executable, "-m", "moodstream", "bench", name, "--json", *SMALLEST[name]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ), check=False)  # noqa: S603
    sound = done.returncode <= (1 if name in MAY_BE_BEYOND else 0) and _is_object(done.stdout)
    _say(f"{name}: {'works' if sound else f'exit code {done.returncode}'}, {time.monotonic() - began:.0f} s")
    return sound


def _is_object(output: str) -> bool:
    lines = output.splitlines()
    try:
        return bool(lines) and isinstance(json.loads(lines[-1]), dict)
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(exit_code_of("python -m harness.bench.smoke", lambda argv, _: main(argv), sys.argv[1:], os.environ))
