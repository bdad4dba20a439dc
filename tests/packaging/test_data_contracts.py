"""The data contracts as a user checks them: by datacontract-cli, in its own environment, against events and a lake."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from generator.cli import main as generate
from tests.builders import a_record, an_event
from tests.gold_without_spark import count_gold
from tests.lake_rows import append, refined, rows_of
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]


def checked(*arguments: str) -> tuple[int, str]:
    """The exit code and the words of `make contracts`."""
    command = ["make", "contracts", f"ARGS={' '.join(arguments)}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(400))
    return done.returncode, done.stdout + done.stderr


def a_lake(folder: Path) -> Path:
    """A lake with a row of every entity, and gold counted from it."""
    lake = folder / "lake"
    kinds = ("post", "comment", "interaction", "user", "deletion")
    records = [a_record(kind, event_id=f"e{n}") for n, kind in enumerate(kinds)]
    refined(lake, *records, b"not an event")
    count_gold(lake)
    return lake


def test_the_generators_events_and_a_lake_keep_their_contracts(tmp_path: Path) -> None:
    events = tmp_path / "events.json"
    assert generate(["--events", "300", "--dirt", "0", "--deletions", "0.1", "--out", str(events)], {}) == 0
    versions = {json.loads(line)["schema_version"] for line in events.read_text().splitlines()}
    assert versions == {1, 2}

    code, said = checked("--events", str(events), "--lake", str(a_lake(tmp_path)))
    assert code == 0, said
    assert "not checked: the lake has no table gold/incidents yet" in said


def test_events_and_rows_that_break_their_contracts_are_named(tmp_path: Path) -> None:
    events = tmp_path / "events.json"
    events.write_text(json.dumps(an_event("interaction", {"action": "hug"})) + "\n")
    lake = a_lake(tmp_path)
    post = rows_of(lake, "silver/posts")[0]
    append(lake, "silver/posts", [{**post, "event_id": "other", "sentiment": "angry", "polarity": 3.0}])

    code, said = checked("--events", str(events), "--lake", str(lake))
    assert code != 0
    assert "payload.action must be one of" in said
    assert "posts.sentiment" in said
    assert "posts.polarity" in said


def test_dbt_reads_the_metric_definitions() -> None:
    subprocess.run(
        ["make", ".cache/contracts/.ready"], cwd=ROOT, check=True, capture_output=True, timeout=patience(300)
    )
    command = [".cache/contracts/bin/python", "tests/packaging/validate_metrics.py", "sql/dbt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience(120))
    assert done.returncode == 0, done.stdout + done.stderr
