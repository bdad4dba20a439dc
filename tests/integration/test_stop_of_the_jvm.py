"""What EMR and YARN do to end a run: SIGTERM to Spark's JVM, of which the Python driver hears nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.patience import patience, wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running job of slow batches; its log is `log` in the test's folder."""
    command = [sys.executable, "-m", "tests.slow_job", str(tmp_path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for each in [*below, process]:
            each.kill()
        process.wait()


def test_a_job_whose_jvm_is_asked_to_end_finishes_its_batch_and_ends_well(
    job: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    notes, log = tmp_path / "batches", tmp_path / "log"
    under_way = wait_until(lambda: last_begun(notes), log.read_text)
    [jvm] = [each for each in psutil.Process(job.pid).children(recursive=True) if each.name() == "java"]
    jvm.terminate()
    assert job.wait(patience(30)) == 0, log.read_text()
    lines = notes.read_text().split("\n")
    assert f"end {under_way}" in lines, log.read_text()
    assert sum(line.startswith("begin") for line in lines) == sum(line.startswith("end") for line in lines)
    assert json.loads((tmp_path / "status.json").read_text())["hops"]["refine"]["state"] == "stopped"


def last_begun(notes: Path) -> str:
    """The number of the batch that is under way, after the first; empty if there is none."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    return lines[-1].removeprefix("begin ") if len(lines) > 1 and lines[-1].startswith("begin") else ""
