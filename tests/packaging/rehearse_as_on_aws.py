"""The release with a deployment's own options: two executors, S3A of EMR's Hadoop, Redshift's Data API, expiring keys.

The driver is killed once, and once the container's endpoint hands out keys that are expired. Takes about ten minutes
on two cores and fetches 590 MB of jars once. `make rehearse` runs it, and prints what was measured. With the awslabs
connector where MOODSTREAM_AWSLABS_JAR names its jar, as on AWS; else with qubole's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from deploy.infra import grant
from deploy.local import aws, pages, postgres, services, stack, workdir
from deploy.local.processes import Process, kill, last_lines
from deploy.local.stack import Stack
from harness.redshift_double.data_api import JOB_USER, prepared
from streaming.warehouse.redshift.data_api import DataApi
from tests.packaging.job_as_on_aws import BUCKET, LAKE, JobAsOnAws, connector
from tests.patience import patience, wait_until
from tests.simulators.container_credentials import TOKEN

pytestmark = pytest.mark.timeout(7200)

ROOT = Path(__file__).resolve().parents[2]
RATE = 60
KEYS_LAST_S = 150
VOID_S = 20
ADMIN = {"WorkgroupName": "moodstream", "Database": "moodstream", "SecretArn": "arn:aws:secretsmanager:::secret:admin"}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Stack]:
    """PostgreSQL, and an AWS that refuses expired keys and has Redshift's Data API; the job's user has its rights."""
    place = workdir.prepared(str(tmp_path / "work"))
    train = [sys.executable, "-m", "model", "train", "--quick", "--workdir", str(place.root)]
    subprocess.run(train, check=True, cwd=ROOT, capture_output=True)
    base = stack.inherited(os.environ)
    try:
        warehouse = postgres.start(place, base)
        given = {**base, "WAREHOUSE_URL": warehouse.url, "WAREHOUSE_PASSWORD": warehouse.password}
        made = Stack(place, aws.start(place, given, 2, "tests.simulators.strict_aws"), warehouse)
        prepared(
            lambda: psycopg.connect(warehouse.url, password=warehouse.password, autocommit=True), warehouse.password
        )
        grant.apply(DataApi(aws.client("redshift-data", made.aws.endpoint), ADMIN), JOB_USER)
        yield made
    finally:
        stack.stop_all(place)


@pytest.fixture
def keys() -> Iterator[str]:
    """The URL of the endpoint from which containers have their role."""
    command = [sys.executable, "-m", "tests.simulators.container_credentials", str(KEYS_LAST_S)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/role"
        finally:
            server.kill()


@pytest.fixture
def job(account: Stack, keys: str, full_release: Path, tmp_path: Path) -> Iterator[JobAsOnAws]:
    """The release, with a master and two workers that wait for it."""
    server = pages.start_mlflow(account.workdir, account.environ(os.environ), None)
    (tmp_path / "containers").mkdir()
    made = JobAsOnAws(full_release, tmp_path / "containers", account, f"http://127.0.0.1:{server.port}", keys)
    try:
        made.prepare()
        yield made
    finally:
        made.close()
        services.stop(pages.MLFLOW, account.workdir)


def send(job: JobAsOnAws) -> subprocess.Popen[bytes]:
    """Events until it is told to end, dirt and duplicates among them; with keys of its own."""
    place, endpoint = job.services.workdir, job.services.aws.endpoint
    options = ["--rate", str(RATE), "--ledger", str(place.ledger), "--endpoint-url", endpoint]
    return subprocess.Popen(
        [sys.executable, "-m", "generator", "--out", f"kinesis:{aws.STREAM}", *options],
        cwd=ROOT,
        env=job.services.environ(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def get(url: str) -> Any:
    request = urllib.request.Request(url, headers={"Authorization": TOKEN})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return json.loads(answer.read())


def served(job: JobAsOnAws) -> dict[str, int]:
    """How many requests of the containers' keys were served, by service, and how many refused."""
    found: dict[str, int] = get(f"{job.services.aws.endpoint}/_strict")
    return found


def batches(job: JobAsOnAws) -> dict[str, int]:
    """The last batch of each hop that runs and has made one."""
    hops = job.hops().items()
    return {name: hop["batch"] for name, hop in hops if hop["state"] == "running" and hop["batch"] is not None}


def wait(job: JobAsOnAws, driver: Process, seconds: float, least: dict[str, int]) -> float:
    """Wait until every hop runs and those of `least` have made that batch; returns the seconds that it took."""
    began = time.monotonic()

    def reached() -> bool:
        assert driver.alive, told()
        found = batches(job)
        return len(found) == 8 and all(found[name] >= batch for name, batch in least.items())

    def told() -> str:
        return f"{job.hops()}\n{last_lines(job.services.workdir.logs / 'packaged-job.log', 30)}"

    wait_until(reached, told, seconds, pause=0.5)
    return time.monotonic() - began


def objects(job: JobAsOnAws) -> int:
    found = aws.client("s3", job.services.aws.endpoint).get_paginator("list_objects_v2")
    return sum(page["KeyCount"] for page in found.paginate(Bucket=BUCKET))


def quiet(job: JobAsOnAws) -> bool:
    """Whether nothing is written any more: longer than the warehouse's trigger."""
    before = objects(job)
    time.sleep(25)
    return len(batches(job)) == 8 and objects(job) == before


def later(now: dict[str, int]) -> dict[str, int]:
    """Two batches more of the hops that always have some to do under load."""
    return {name: now[name] + 2 for name in ("ingest", "refine", "aggregate")}


def audit(job: JobAsOnAws) -> dict[str, Any]:
    command = [sys.executable, "moodstream.py", "audit", "--json", "--workdir", str(job.services.workdir.root)]
    done = subprocess.run(
        [*command, "--lake", LAKE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(120)
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def test_the_job_as_on_aws_outlives_a_dead_driver_and_expired_keys(
    job: JobAsOnAws, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: dict[str, Any] = {"connector": connector()[0]}
    driver = job.start()
    measured["first_start_s"] = wait(job, driver, 120, {})
    sending = send(job)
    wait(job, driver, 60, later(later(batches(job))))
    measured["batches_of_first_driver"] = batches(job)

    kill(driver)
    driver = job.start()
    measured["take_over_s"] = wait(job, driver, 150, {})
    wait(job, driver, 60, later(batches(job)))

    before = served(job).get("refused", 0)
    get(keys.removesuffix("/role") + f"/void/{VOID_S}")
    wait_until(lambda: served(job).get("refused", 0) > before, "a request with an expired key")
    time.sleep(VOID_S)
    measured["hops_again_after_expired_keys_s"] = wait(
        job, driver, 90, later({**dict.fromkeys(job.hops(), 0), **batches(job)})
    )
    measured["restarts"] = {name: hop["restarts"] for name, hop in job.hops().items()}

    sending.terminate()
    assert sending.wait(timeout=patience(60)) == 0
    wait_until(lambda: quiet(job), "the lake to be at rest", 240, pause=0)
    measured["batches_of_second_driver"] = batches(job)
    assert job.stop(driver, patience(60))
    measured["requests"] = served(job)
    measured["memory"] = {name: limit.told() for name, limit in job.limits.items()}
    report = audit(job)
    with capsys.disabled():
        sys.stdout.write(json.dumps({**measured, "audit": report}, indent=1) + "\n")

    assert report["passed"], report
    assert report["silver"]["rows"] > 0.9 * report["sent"] > 0
    assert measured["requests"]["refused"] > before
    assert measured["requests"].keys() >= {"s3", "kinesis", "redshift-data", "monitoring"}
    assert [name for name, limit in job.limits.items() if limit.exceeded] == []
