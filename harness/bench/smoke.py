"""`python -m harness.bench.smoke [MEASUREMENT ...]`: runs every measurement in its smallest form, so that none rots.

Its figures mean nothing; what counts is that each command still ends with its JSON. `latency` and `capacity` run demos
of a second, with the start of Spark and a training before them: some minutes for all. Returns 1 if one fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from harness.bench import MEASUREMENTS

SMALLEST: Mapping[str, tuple[str, ...]] = {
    "alerts": ("--incidents", "2", "--days", "0"),
    "scoring": ("--rows", "200", "--rounds", "1"),
    "refine": ("--rows", "40", "--batches", "2", "--rounds", "1"),
    "latency": ("--seconds", "1", "--rate", "20"),
    # No demo keeps up within a millisecond: one demo at the lowest rate, and its answer is "none" (exit code 1).
    "capacity": ("--seconds", "1", "--start", "1", "--limit", "0.001", "--jobs", "ours"),
    "growth": ("--batches", "10", "--rows", "20"),
    "warehouse": ("--facts", "5000"),
    "catchup": ("--events", "20000"),
}
# A comparison of so few batches may well be beyond its limit.
MAY_BE_BEYOND = ("capacity", "growth")


def main(names: Sequence[str]) -> int:
    """Run the named measurements, by default all; returns the exit code."""
    failed = [name for name in names or list(MEASUREMENTS) if not works(name)]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


def works(name: str) -> bool:
    """Whether a measurement in its smallest form ends as it should, with one JSON object on its last line."""
    began = time.monotonic()
    command = [sys.executable, "-m", "moodstream", "bench", name, "--json", *SMALLEST[name]]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ), check=False)  # noqa: S603
    sound = done.returncode <= (1 if name in MAY_BE_BEYOND else 0) and _is_object(done.stdout)
    sys.stderr.write(
        f"{name}: {'works' if sound else f'exit code {done.returncode}'}, {time.monotonic() - began:.0f} s\n"
    )
    return sound


def _is_object(output: str) -> bool:
    lines = output.splitlines()
    try:
        return bool(lines) and isinstance(json.loads(lines[-1]), dict)
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
