"""The built release at work: spark-submit, lake and checkpoints on s3a://, killed once under load; nothing is lost.

Takes five minutes on two cores, of which the job's two starts are most, and fetches S3A's jars (280 MB) once: too much
for every run of the tests. `make rehearse` runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import (
    aws,
    jars,
    pages,
    processes,
    stack,
    workdir,
)
from tests.packaging.packaged_job import LAKE, PackagedJob
from tests.patience import patience

pytestmark = pytest.mark.timeout(7200)

ROOT = Path(__file__).resolve().parents[2]
EVENTS = 4_000


@pytest.fixture(scope="module")
def job(full_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackagedJob]:
    """The release beside a stack with a champion, MLflow behind its server."""
    jars.fetch(jars.wanted(s3=True), environ=os.environ)
    place = workdir.prepared(str(tmp_path_factory.mktemp("packaged")))
    train = [sys.executable, "-m", "model", "train", "--quick", "--workdir", str(place.root)]
    subprocess.run(train, check=True, cwd=ROOT, capture_output=True)
    services = stack.start(place, os.environ, shards=2)
    try:
        server = pages.start_mlflow(place, services.environ(os.environ), None)
        packaged = PackagedJob(
            full_release, tmp_path_factory.mktemp("bare"), services, f"http://127.0.0.1:{server.port}"
        )
        packaged.unpack()
        yield packaged
    finally:
        left = processes.recorded("packaged-job", place.run)
        if left is not None:
            processes.kill(left)
        stack.stop_all(place)


def send(job: PackagedJob) -> subprocess.Popen[bytes]:
    """Four thousand events, dirt and duplicates among them, in forty seconds."""
    place, endpoint = job.services.workdir, job.services.aws.endpoint
    options = ["--events", str(EVENTS), "--rate", "100", "--ledger", str(place.ledger), "--endpoint-url", endpoint]
    return subprocess.Popen(
        [sys.executable, "-m", "generator", "--out", f"kinesis:{aws.STREAM}", *options],
        cwd=ROOT,
        env=job.services.environ(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait(condition: Callable[[], bool], seconds: float, job: PackagedJob) -> None:
    deadline = time.monotonic() + patience(seconds)
    while not condition():
        log = job.services.workdir.logs / "packaged-job.log"
        assert time.monotonic() < deadline, f"{job.hops()}\n{processes.last_lines(log, 30)}"
        time.sleep(1)


def ready(job: PackagedJob) -> bool:
    hops = job.hops()
    return bool(hops) and all(hop["state"] == "running" and hop["batch"] is not None for hop in hops.values())


def objects(job: PackagedJob) -> int:
    pages = aws.client("s3", job.services.aws.endpoint).get_paginator("list_objects_v2")
    return sum(page["KeyCount"] for page in pages.paginate(Bucket=LAKE.removeprefix("s3a://")))


def quiet(job: PackagedJob) -> bool:
    """Whether every hop has run since the start, and nothing is written any more."""
    before = objects(job)
    if not ready(job):
        return False
    time.sleep(12)
    return objects(job) == before


def test_the_packaged_job_loses_nothing_on_s3_when_it_is_killed(job: PackagedJob) -> None:
    first = job.start()
    wait(lambda: ready(job), 150, job)
    sending = send(job)
    time.sleep(15)
    processes.kill(first)

    second = job.start()
    assert sending.wait(timeout=patience(120)) == 0
    wait(lambda: quiet(job), 240, job)
    assert processes.stop(second, patience=patience(60))

    report = audit(job)
    assert report["passed"], report
    assert report["sent"] == EVENTS
    assert report["silver"]["rows"] > 0.9 * EVENTS
    assert report["duplicates_dropped"] > 0
    assert report["rejected"]["rows"] > 0


def audit(job: PackagedJob) -> dict[str, Any]:
    command = [sys.executable, "moodstream.py", "audit", "--json", "--workdir", str(job.services.workdir.root)]
    done = subprocess.run(
        [*command, "--lake", LAKE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(120)
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
