"""Every operation beside a running demo of 500 records a second; afterwards the audit must pass.

Everything is real but AWS, and used as its users do: the demo and each operation are commands. The people who are
erased are those with the most posts, who therefore go on posting meanwhile. `make rehearse` runs it, in six minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from deploy.local import workdir
from model.dataset import Row
from model.evaluation import held_out
from model.registry import CHAMPION, Registry
from model.settings import Settings
from model.training import train
from tests.model_rows import a_bundle, plain_rows
from tests.patience import patience, wait_until

pytestmark = pytest.mark.timeout(7200)

ROOT = Path(__file__).resolve().parents[2]
SECONDS, RATE = 240, 500
ENOUGH_POSTS = 1_000
EVER = ("--from", "2026-01-01", "--to", "2126-01-01")


def moodstream(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "moodstream", *arguments]


def report(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


class World:
    """A working directory with a running demo, and the commands beside it."""

    def __init__(self, place: Path, demo: subprocess.Popen[str]) -> None:
        self.place, self.demo = place, demo

    def run(self, *arguments: str) -> Any:
        """A command's JSON; it must succeed, while the demo still runs."""
        command = moodstream(*arguments, "--workdir", str(self.place), "--json")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience(400), check=False)
        assert done.returncode == 0, f"{arguments}: {done.stdout[-500:]} {done.stderr[-1500:]}"
        assert self.demo.poll() is None, f"the demo ended during {arguments}"
        return report(done.stdout)

    def posts(self) -> Counter[str]:
        """How many posts of whom silver holds."""
        try:
            rows = DeltaTable(str(self.place / "lake/silver/posts")).to_pyarrow_table(columns=["user_id"])
        except TableNotFoundError:
            return Counter()
        return Counter(rows["user_id"].to_pylist())

    def busiest(self) -> str:
        """The person with the most posts, once there are ENOUGH_POSTS."""
        wait_until(
            lambda: self.posts().total() >= ENOUGH_POSTS, lambda: f"{self.posts().total()} posts", 120, pause=1.0
        )
        return self.posts().most_common(1)[0][0]


def gladder_rows() -> list[Row]:
    """Rows by which a part of what is neutral is positive."""
    return [replace(row, label="positive") if row.text[-1] in "01" else row for row in plain_rows()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A working directory whose registry holds two versions, the first of them the champion."""
    made = workdir.prepared(str(tmp_path / "work"))
    registry = Registry(Settings(made.mlflow_uri, made.mlflow / "artifacts", made.root))
    for number, rows in (("1", plain_rows()), ("2", gladder_rows())):
        bundle = a_bundle(made.root / "bundles" / number, rows)
        train.add_runtime(bundle)
        held_out.evaluate(bundle, plain_rows())
        assert (
            registry.register(
                bundle, name="a run", description="a card", params={}, metrics={}, tags={}, files=made.root / "none"
            )
            == number
        )
    registry.point(CHAMPION, "1")
    return made.root


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[str]]:
    with (tmp_path / "demo.log").open("w") as file:
        yield file


@pytest.fixture
def world(place: Path, log: IO[str]) -> Iterator[World]:
    options = ("--seconds", str(SECONDS), "--rate", str(RATE), "--headless", "--json", "--workdir", str(place))
    demo = subprocess.Popen(
        moodstream("demo", *options), cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=log, text=True
    )
    yield World(place, demo)
    demo.terminate()
    demo.wait(timeout=patience(120))


def test_the_audit_passes_after_all_operations_beside_a_running_demo(world: World) -> None:
    assert world.run("erase", "--user", world.busiest())["complete"]
    world.run("rejected", "list")
    world.run("rejected", "replay", "--reason", "future_event_time")
    world.run("rejected", "replay", "--reason", "empty_text")
    changed = world.run("rescore", "--model", "2")["changed"]
    assert changed
    world.run("rescore", "--model", "2", "--accept")
    assert not any(world.run("backfill", *EVER)["appended"].values())
    for _ in range(2):
        assert all(table["compacted"] for table in world.run("maintain")["tables"].values())
    assert world.run("erase", "--user", world.busiest())["complete"]
    ended = report(world.demo.communicate(timeout=patience(600))[0])
    assert ended["audit"]["passed"], ended
    assert world.demo.returncode == 0
