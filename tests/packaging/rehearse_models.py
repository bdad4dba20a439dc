"""Models that change under a stream of 1,000 records a second: the alias moves, broken ones are put in its place.

Everything is real but AWS: generator, job, registry, six registered versions of which four are broken, each in its own
way. From silver's own log: which version scored which batch. `make rehearse` runs it, in three to four minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from deploy.airflow import checks
from deploy.local import (
    aws,
    processes,
    stack,
    workdir,
)
from deploy.local.workdir import Workdir
from harness.audit.command import audit
from harness.demo import drain, settings
from harness.demo.job import Job
from model.evaluation import held_out
from model.registry import CHALLENGER, CHAMPION, Registry
from model.settings import Settings
from model.training import train
from tests.model_rows import a_bundle, plain_rows
from tests.patience import patience

pytestmark = pytest.mark.timeout(7200)

ROOT = Path(__file__).resolve().parents[2]
RATE = 1000
TABLES = ("silver/posts", "silver/comments")
POLARITY = '"polarity": scores.polarity,'
# What becomes of the line above in the code that a version carries. Six texts are tried before a version serves.
BROKEN = {
    "3": ("wrong columns", ""),
    "4": ("no number", '"polarity": scores.polarity * np.nan,'),
    "5": ("fails on real texts", '"polarity": scores.polarity[:6] if len(texts) > 6 else scores.polarity,'),
}
GONE = "6"


def registered(place: Workdir) -> Registry:
    """Versions 1 (champion) and 2 are sound, three are broken, of one the artefact is gone."""
    made = Registry(Settings(place.mlflow_uri, place.mlflow / "artifacts", place.root))
    for number in ("1", "2", *BROKEN, GONE):
        bundle = a_bundle(place.root / "bundles" / number, slope=0.8 if number == "2" else 1.0)
        train.add_runtime(bundle)
        held_out.evaluate(bundle, plain_rows())
        if number in BROKEN:
            scorer = bundle / "runtime" / "scorer.py"
            assert POLARITY in scorer.read_text()
            scorer.write_text(scorer.read_text().replace(POLARITY, BROKEN[number][1]))
            train.seal_runtime(bundle)
        assert (
            made.register(
                bundle, name="a run", description="a card", params={}, metrics={}, tags={}, files=place.root / "none"
            )
            == number
        )
    made.point(CHAMPION, "1")
    shutil.rmtree(made.folder(GONE))
    return made


@pytest.fixture
def place(tmp_path: Path) -> Workdir:
    return workdir.prepared(str(tmp_path / "work"))


@pytest.fixture
def registry(place: Workdir) -> Registry:
    return registered(place)


@pytest.fixture
def job(place: Workdir, registry: Registry) -> Iterator[Job]:
    """The streaming job at work, looking often."""
    often = {"MOODSTREAM_OBSERVE_INTERVAL": "2", "MOODSTREAM_WATCH_INTERVAL": "2"}
    options = settings.from_arguments(["--headless", "--workdir", str(place.root)], os.environ)
    services = stack.start(place, os.environ, shards=2)
    running = Job(options, services, {**services.environ(os.environ), **often})
    try:
        running.start()
        running.wait_until_ready(lambda: False, print)
        yield running
    finally:
        running.stop()
        stack.stop_all(place)


@pytest.fixture
def generator(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    """A thousand events a second until the test is over."""
    place, endpoint = job.stack.workdir, job.stack.aws.endpoint
    options = ["--rate", str(RATE), "--ledger", str(place.ledger), "--endpoint-url", endpoint]
    command = [sys.executable, "-m", "generator", "--out", f"kinesis:{aws.STREAM}", *options]
    running = subprocess.Popen(
        command, cwd=ROOT, env=dict(job.environ), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield running
    running.terminate()
    running.wait(timeout=patience(60))


def eventually(job: Job, what: str, look: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + patience(seconds)
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: {job.status()}"
        job.tick()
        time.sleep(0.5)
    return found


class Batches:
    """What refine committed: by table and batch, when, and the versions and rows in its files."""

    def __init__(self, place: Workdir) -> None:
        self._tables = {name: place.table(name) for name in TABLES}
        self._read: set[Path] = set()
        self.versions: dict[int, set[str | None]] = {}
        self.committed: dict[int, datetime] = {}
        self.texts: dict[str | None, int] = {}

    def look(self) -> Batches:
        """Read the commits that are new."""
        for table in self._tables.values():
            for entry in sorted(set((table / "_delta_log").glob("*.json")) - self._read):
                self._read.add(entry)
                self._add(table, [json.loads(line) for line in entry.read_text().splitlines()])
        return self

    def _add(self, table: Path, actions: list[dict[str, Any]]) -> None:
        batch = next((each["txn"]["version"] for each in actions if "txn" in each), None)
        info = next(each["commitInfo"] for each in actions if "commitInfo" in each)
        for path in (each["add"]["path"] for each in actions if "add" in each):
            assert batch is not None, "rows that no batch brought"
            for version in pq.read_table(table / path, columns=["model_version"])["model_version"].to_pylist():
                self.versions.setdefault(batch, set()).add(version)
                self.texts[version] = self.texts.get(version, 0) + 1
            at = datetime.fromtimestamp(info["timestamp"] / 1000, UTC)
            self.committed[batch] = max(at, self.committed.get(batch, at))

    def of(self, version: str) -> int:
        """How many texts a version has scored by now."""
        return self.look().texts.get(version, 0)


def refused(place: Workdir, hop: str) -> Mapping[str, str]:
    path = place.checkpoints / hop / "refused.json"
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):  # as it is being replaced
        return {}


def alerts(job: Job) -> set[str]:
    """The subjects of everything that reached the alerts' subscriber since the last look."""
    found: set[str] = set()
    sqs, queue = aws.client("sqs", job.stack.aws.endpoint), job.stack.aws.queue_url
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
        found |= {str(json.loads(message["Body"])["Subject"]) for message in messages}
        for message in messages:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def test_the_alias_moves_and_broken_versions_come_and_go_while_the_stream_runs(
    job: Job, generator: subprocess.Popen[bytes], registry: Registry, place: Workdir
) -> None:
    process, batches, told, reasons = job.process, Batches(place), set[str](), dict[str, str]()
    eventually(job, "version 1 scores", lambda: batches.of("1") > 10 * RATE)

    registry.point(CHAMPION, "2")
    moved = datetime.now(UTC)
    eventually(job, "version 2 scores", lambda: batches.of("2") > 5 * RATE)

    for version in (*BROKEN, GONE):
        registry.point(CHAMPION, version)
        eventually(job, f"{version} is refused", lambda version=version: version in refused(place, "refine-models"))
        reasons |= refused(place, "refine-models")
        before = batches.of("2")
        eventually(job, "version 2 goes on", lambda before=before: batches.of("2") > before + 2 * RATE)
    registry.point(CHAMPION, "2")
    for version in (*BROKEN, GONE):
        registry.point(CHALLENGER, version)
        eventually(job, f"{version} is refused", lambda version=version: version in refused(place, "observe"))
        told |= alerts(job)
    before = batches.of("2")
    eventually(job, "version 2 goes on", lambda: batches.of("2") > before + 2 * RATE)

    generator.terminate()
    generator.wait(timeout=patience(60))
    assert drain.drain(job, job.stack.postgres, lambda _: None, patience=patience(120))
    told |= alerts(job)
    assert (job.process, job.restarts) == (process, 0)
    assert {name: hop["restarts"] for name, hop in job.status()["hops"].items() if hop["restarts"]} == {}
    job.stop()
    assert process is not None
    assert not processes.members(process)

    batches.look()
    order = [version for _, versions in sorted(batches.versions.items()) for version in versions]
    assert len(order) == len(batches.versions), "a batch was scored by two versions"
    assert set(order) == {"1", "2"}
    assert order == sorted(order, key=str), f"the version changed more than once: {order}"
    late = [
        batch for batch, versions in batches.versions.items() if versions == {"1"} and batches.committed[batch] > moved
    ]
    assert len(late) <= 2, f"batches {late} were scored by the former version after the alias had moved"
    found = audit(place, os.environ, lambda _what, _count: None)
    assert found["passed"], found
    held = sum(DeltaTable(str(place.table(name))).to_pyarrow_table(columns=["event_id"]).num_rows for name in TABLES)
    assert held == sum(batches.texts.values())

    for version, reason in (("3", "columns missing"), ("4", "not everywhere a number"), ("5", "of the same length")):
        assert reason in reasons[version]
    assert {f"Moodstream: model_refused version {version}" for version in (*BROKEN, GONE)} <= told
    assert {f"Moodstream: challenger_refused version {version}" for version in (*BROKEN, GONE)} <= told
    # The platform's texts always were unlike the training texts: that is no change.
    assert not [subject for subject in told if "drift data" in subject]
    assert checks.request_at(place.mlflow_uri) is None
    sys.stdout.write(f"boundary: {order.index('2')} of {len(order)} batches, late {late}, texts {batches.texts}\n")
