"""The whole system, end to end: a file of nasty records, then a crash of everything at once, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local import (
    aws,
    postgres,
    processes,
    stack,
)
from deploy.local.jars import ROOT
from deploy.local.workdir import Workdir
from harness.demo import job, sender
from tests.builders import a_record, an_event
from tests.patience import patience, wait_until
from tests.simulators import catalog
from tests.simulators.catalog import Catalog

pytestmark = pytest.mark.kinesis
NOW = datetime.now(UTC)
SCRIPTS = {"post_id": "scripts", "text": "ممتاز 😀 très bien \u0000"}


def nasty_lines() -> list[bytes]:
    """Records as strangers send them; each line is one."""
    many = [a_record("interaction", event_id=f"many-{number}", event_time=NOW.isoformat()) for number in range(300)]
    twin = a_record(event_id="twin", payload={"post_id": "twin"})
    in_array = a_record(event_id="in-array", payload={"post_id": "in-array"})
    return [
        twin,
        b"\xff\xfe broken utf-8",
        b'{"event_id": "cut short',
        b"null",
        b"[]",
        b"[" + in_array + b", 1, " + a_record("comment", event_id="in-array-2") + b"]",
        a_record(event_id=7),
        a_record("video"),
        a_record(event_id="no-text", payload={"text": "  "}),
        a_record(event_id="huge", payload={"text": "a" * 1_000_000}),
        a_record(event_id="next-year", event_time=(NOW + timedelta(days=365)).isoformat()),
        a_record(event_id="hours-late", event_time=(NOW - timedelta(hours=5)).isoformat(), payload={"post_id": "late"}),
        a_record(event_id="newer", payload={"post_id": "newer"}, schema_version=9, extra={"kept": [1, None]}),
        json.dumps(an_event(event_id="scripts", payload=SCRIPTS)).encode(),
        *many,
        twin,
    ]


# The jar of the connector that EMR has and no registry: MOODSTREAM_AWSLABS_JAR=/path/to/its.jar
AWSLABS_JAR = "MOODSTREAM_AWSLABS_JAR"


@pytest.fixture(scope="module", params=["qubole", "aws"])
def connector(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The options that choose a Kinesis connector."""
    if request.param == "qubole":
        return ()
    if not os.environ.get(AWSLABS_JAR):
        pytest.skip(f"{AWSLABS_JAR} does not name the awslabs connector's jar, which is on no registry")
    return ("--kinesis-connector", "aws", "--jars", os.environ[AWSLABS_JAR])


@pytest.fixture(scope="module")
def place(connector: tuple[str, ...], trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workdir]:
    """A working directory for each connector, with a champion, so that no test waits for a training."""
    made = Workdir(tmp_path_factory.mktemp("demo"))
    shutil.copytree(Workdir(trained).mlflow, made.mlflow)
    yield made
    stack.stop_all(made)


def demo(place: Workdir, *options: str, **environ: str) -> subprocess.Popen[str]:
    command = [sys.executable, "moodstream.py", "demo", "--headless", "--json", "--workdir", str(place.root), *options]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ}
    )


def result(running: subprocess.Popen[str]) -> dict[str, Any]:
    try:
        out, err = running.communicate(timeout=patience(600))
    finally:
        running.kill()
    assert running.returncode == 0, err[-3000:] + out[-3000:]
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def test_every_line_of_a_file_is_accounted_for_and_a_catalog_sees_its_way(
    place: Workdir, connector: tuple[str, ...], tmp_path: Path
) -> None:
    lines = nasty_lines()
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    options = ("--input", str(tmp_path / "records.jsonl"), "--rate", "100")
    with catalog.serving() as marquez:
        told = result(demo(place, *connector, *options, MOODSTREAM_OPENLINEAGE_ENDPOINT=marquez.url))

    _the_way_was_seen(marquez, place)

    assert told["events_sent"] == len(lines)
    audit = told["audit"]
    assert audit["passed"]
    assert audit["sent"] == len(lines)
    assert audit["duplicates_dropped"] == 1
    assert audit["silver"]["rows"] == 300 + len(["twin", "in-array", "in-array-2", "hours-late", "newer", "scripts"])
    assert audit["rejected"]["by_reason"] == {
        "empty_text": 1,
        "future_event_time": 1,
        "not_json": 1,
        "not_utf8": 1,
        "text_too_long": 1,
        "unknown_event_type": 1,
        "wrong_type": 4,
    }
    assert processes.recorded(job.NAME, place.run) is not None
    assert not any(processes.members(p) for name in stack.PROCESSES if (p := processes.recorded(name, place.run)))


def _the_way_was_seen(marquez: Catalog, place: Workdir) -> None:
    """From the stream to the warehouse: each hop, the tables with their versions, and the model that scored."""
    assert marquez.refused == []
    for hop in ("ingest", "refine", "aggregate", "load", "serve"):
        assert marquez.ended(hop), hop
    (stream,) = {each["name"] for run in marquez.ended("ingest") for each in run["inputs"]}
    assert stream == aws.STREAM
    written = [each for run in marquez.ended("refine") for each in run["outputs"]]
    assert {str(place.lake / f"silver/{name}") for name in ("posts", "comments", "rejected")} <= {
        each["name"] for each in written
    }
    assert all(int(each["facets"]["version"]["datasetVersion"]) >= 0 for each in written)
    assert {run["run"]["facets"]["moodstream_model"]["version"] for run in marquez.ended("refine")} == {"1"}
    assert any(each["name"].endswith("dw.fact_post") for run in marquez.ended("load") for each in run["outputs"])


def test_a_crash_of_everything_loses_and_doubles_nothing(place: Workdir, connector: tuple[str, ...]) -> None:
    changes = ("--deletions", "0.02", "--edits", "0.01")
    running = demo(place, *connector, "--rate", "200", *changes)
    _until(lambda: _acked(place) > 1500, running)
    running.kill()
    for name in (sender.NAME, job.NAME, aws.NAME, postgres.NAME):
        processes.kill(processes.recorded(name, place.run))
    running.communicate()

    told = result(demo(place, *connector, "--rate", "100", "--seconds", "5", *changes))

    assert told["audit"]["passed"]
    assert told["audit"]["sent"] > 1500
    assert told["audit"]["bronze"]["lost"] == 0
    retractions = told["audit"]["retractions"]
    assert retractions["deletions"] > 20
    assert {"removed", "superseded"} <= retractions["outcomes"].keys()
    assert retractions["latency_s"]["warehouse"]["p50"] < 120


def _acked(place: Workdir) -> int:
    try:
        return int(json.loads((place.run / sender.STATUS).read_text())["acked"])
    except (OSError, ValueError):
        return 0


def _until(condition: Any, running: subprocess.Popen[str], what: str = "the demo goes on") -> None:
    def ended_or_true() -> bool:
        assert running.poll() is None, running.communicate()[1][-3000:]
        return bool(condition())

    wait_until(ended_or_true, what, 300.0, pause=0.2)
