"""An encoder in a running demo, with the commands that a user types: trained beside it, promoted, rolled back.

The encoder is that of `moodstream model train --encoder`, 25 MB from Maven Central, in a cascade with the linear model.
`make rehearse` runs it: ten minutes and more, since 24,000 texts go through the encoder once (their vectors are kept).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from deploy.local.workdir import Workdir
from tests.packaging.rehearse_models import Batches
from tests.patience import patience, wait_until

pytestmark = pytest.mark.timeout(7200)

MOODSTREAM = (sys.executable, "-m", "moodstream")
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 3600.0


def model(place: Workdir, *arguments: str) -> str:
    command = [*MOODSTREAM, "model", *arguments, "--workdir", str(place.root)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience(SECONDS), check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Workdir:
    return Workdir(tmp_path / "work")


@pytest.fixture
def demo(place: Workdir) -> Iterator[subprocess.Popen[str]]:
    """A demo without an end, which has trained its first model."""
    command = [*MOODSTREAM, "demo", "--headless", "--json", "--rate", "200", "--workdir", str(place.root)]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=patience(600))


def scored(place: Workdir, version: str, more_than: int = 0) -> int:
    """Wait until `version` has scored more than so many texts; returns how many it has."""
    batches = Batches(place)
    wait_until(lambda: batches.of(version) > more_than, f"version {version} scores", seconds=SECONDS, pause=1.0)
    return batches.of(version)


def deciders(place: Workdir) -> dict[str | None, set[str | None]]:
    """Which parts decided, by the version that scored."""
    found: dict[str | None, set[str | None]] = {}
    for name in ("silver/posts", "silver/comments"):
        rows = DeltaTable(str(place.table(name))).to_pyarrow_table(columns=["model_version", "scored_by"])
        for version, part in zip(*rows.to_pydict().values(), strict=True):
            found.setdefault(version, set()).add(part)
    return found


def test_an_encoder_is_trained_promoted_and_rolled_back_beside_a_demo(
    demo: subprocess.Popen[str], place: Workdir
) -> None:
    scored(place, "1")
    trained = model(place, "train", "--encoder", "--cascade-budget-us", "500", "--json")
    cascade = str(json.loads(trained.splitlines()[-1])["version"])

    model(place, "promote", "--budget-us", "500")  # the gate wants to hear what a text may cost
    scored(place, cascade, more_than=500)

    model(place, "rollback")
    batches = Batches(place).look()
    scored(place, "1", more_than=batches.of("1") + 500)

    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=patience(SECONDS))
    report = json.loads(said.splitlines()[-1])
    assert report["audit"]["passed"], report["audit"]
    parts = deciders(place)
    assert len(parts[cascade] - {None}) == 2, "both models of the cascade decided on some texts"
    assert len(parts["1"] - {None}) <= 1
    order = [versions for _, versions in sorted(Batches(place).look().versions.items())]
    assert all(len(versions - {None}) <= 1 for versions in order), "a batch was scored by two versions"
