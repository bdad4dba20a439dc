"""Whether a ratio of a measurement is still what it was: this code and an older commit, one after the other.

A ratio that was written down on one machine says little on another (the champion scores 3.5 times as fast as VADER on
one, 5 times on the next), so both are measured again, with a model that each trains itself. What seems a tenth worse is
measured once more, and only worse twice is worse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.local.errors import ServiceError, UsageError
from harness.bench.releases import checked_out

# The commit whose ratios are to be held; it moves on with each release.
REFERENCE = "842bbc5"
WORST = 0.9
ROOT = Path(__file__).resolve().parents[2]


class Held(NamedTuple):
    """A ratio to hold: the key in the measurement's JSON, and the options that make it short and steady."""

    ratio: str
    options: tuple[str, ...]


HELD: Mapping[str, Held] = {
    "scoring": Held("champion_over_vader", ("--rows", "20000", "--rounds", "5")),
    "refine": Held("refine_over_passthrough", ("--rows", "24000", "--batches", "8", "--rounds", "3")),
}
Ratio = Callable[[str, Path], float]


def holds(name: str, commit: str, progress: Callable[[str], None]) -> bool:
    """Whether the ratio of a measurement is at least WORST times that of `commit`; True if there is no such commit.

    Raises ServiceError if a measurement fails.
    """
    with tempfile.TemporaryDirectory(prefix="moodstream-bench-") as folder:
        try:
            with checked_out(commit, Path(folder) / "code") as code:
                ours, theirs = Path(folder) / "ours", Path(folder) / "theirs"
                return held(
                    lambda: measured(name, ROOT, ours), lambda: measured(name, code, theirs), name, commit, progress
                )
        except UsageError:
            progress(f"{name}: not compared, there is no commit {commit} here")
            return True


def held(
    ours: Callable[[], float],
    theirs: Callable[[], float],
    name: str,
    commit: str,
    progress: Callable[[str], None],
) -> bool:
    """The comparison; `ours` and `theirs` measure the ratio."""
    for _ in range(2):
        then, now = theirs(), ours()
        sound = now >= WORST * then
        progress(f"{name}: {HELD[name].ratio} {now:g}, at {commit} {then:g}{'' if sound else ': a tenth worse'}")
        if sound:
            return True
    return False


def measured(name: str, code: Path, workdir: Path) -> float:
    """The ratio as the code in `code` measures it, with the model in `workdir`, which the first call trains."""
    command = [sys.executable, "-m", "moodstream", "bench", name, "--json", "--workdir", str(workdir)]
    done = subprocess.run(  # noqa: S603
        [*command, *HELD[name].options],
        cwd=code,
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=str(code)),
        check=False,
    )
    if done.returncode:
        raise ServiceError(f"`moodstream bench {name}` in {code} ended with exit code {done.returncode}")
    return float(json.loads(done.stdout.splitlines()[-1])[HELD[name].ratio])
