"""One connector at a thousand records a second into the emulated stream, on less than half a core."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.local import aws, services
from deploy.local.workdir import Workdir
from harness.bench.machine import vader_rate
from tests.simulators.bluesky import Network, jetstream

log = logging.getLogger(__name__)

RATE = 1000
EVENTS = 40_000
SHARDS = 4
# The bound is meant for a machine that scores so many texts a second with VADER.
REFERENCE_VADER = 40_000
MAX_CORES = 0.5


@pytest.fixture
def emulator() -> Iterator[aws.Aws]:
    place = Workdir(Path(tempfile.mkdtemp(prefix="moodstream-rate-")))
    for folder in (place.run, place.logs):
        folder.mkdir()
    try:
        yield aws.start(place, os.environ, shards=SHARDS)
    finally:
        services.stop(aws.NAME, place)
        shutil.rmtree(place.root, ignore_errors=True)


def test_a_thousand_records_a_second_take_less_than_half_a_core(emulator: aws.Aws, tmp_path: Path) -> None:
    network = Network()
    network.crowd(EVENTS)
    environ = {**os.environ, **aws.CREDENTIALS, "AWS_ENDPOINT_URL": emulator.endpoint, "AWS_REGION": aws.REGION}
    vader = vader_rate()
    with jetstream(network) as (url, _):
        command = [sys.executable, "-m", "connectors", "bluesky", "--endpoint", url, "--stream", aws.STREAM]
        options = ["--rate", str(RATE), "--limit", str(EVENTS // 2), "--cursor", str(tmp_path / "cursor"), "--json"]
        process = subprocess.Popen([*command, *options], env=environ, stdout=subprocess.PIPE, text=True)
        try:
            seconds, cpu = _watched(process)
            assert process.stdout is not None
            counts = json.loads(process.stdout.read().splitlines()[-1])
        finally:
            process.kill()
            process.wait()
    assert counts["events"] == EVENTS // 2
    of_a_core = cpu / (counts["events"] / RATE) * vader / REFERENCE_VADER
    each = 1000 * cpu / counts["events"]
    log.info("%.0f records/s, %.2f ms of CPU each, VADER %d texts/s", counts["events"] / seconds, each, vader)
    assert of_a_core < MAX_CORES


def _watched(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a process until it ends."""
    began, cpu, watched = time.monotonic(), 0.0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            times = watched.cpu_times()
            cpu = times.user + times.system
        except psutil.NoSuchProcess:
            break
        time.sleep(0.05)
    return time.monotonic() - began, cpu
