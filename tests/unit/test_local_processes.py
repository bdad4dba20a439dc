"""Processes that outlive their starter are found again by pid and start time, and stopped as a whole session."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local import ports, processes
from deploy.local.errors import UsageError
from deploy.local.processes import Process
from tests.patience import wait_until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
PARENT = [sys.executable, "-c", f"import subprocess, time; subprocess.Popen({SLEEPER!r}); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


@pytest.fixture
def spawn(tmp_path: Path):
    started: list[Process] = []

    def start(name: str, command: list[str]) -> Process:
        process = processes.spawn(name, command, run=tmp_path, log=tmp_path / f"{name}.log", environ=os.environ)
        started.append(process)
        return process

    yield start
    for process in started:
        processes.stop(process, patience=0)


def test_a_started_process_is_found_again_by_its_record(spawn, tmp_path: Path) -> None:
    started = spawn("sleeper", SLEEPER)

    assert processes.recorded("sleeper", tmp_path) == started
    assert started.alive


def test_a_pid_that_came_back_is_not_taken_for_the_process(tmp_path: Path) -> None:
    mine = psutil.Process()
    earlier = Process("other", mine.pid, mine.create_time() - 3600)

    assert not earlier.alive
    assert processes.members(earlier) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_record_cut_short_by_a_crash_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "job.json").write_text(content)

    assert processes.recorded("job", tmp_path) is None


def test_stopping_ends_what_the_process_had_started_too(spawn) -> None:
    parent = spawn("parent", PARENT)
    wait_until(lambda: len(processes.members(parent)) == 2, "the processes change")

    os.kill(parent.pid, signal.SIGKILL)  # the parent dies without a chance to end its child
    processes.stop(parent, patience=0.2)

    assert processes.members(parent) == []


def test_a_process_that_ignores_the_order_is_killed_after_the_patience(spawn, tmp_path: Path) -> None:
    deaf = spawn("deaf", STUBBORN)
    wait_until(lambda: "deaf" in (tmp_path / "deaf.log").read_text(), "the processes change")

    assert processes.stop(deaf, patience=0.3) is False
    assert not deaf.alive


def test_a_willing_process_is_not_killed(spawn) -> None:
    assert processes.stop(spawn("sleeper", SLEEPER), patience=10) is True


def test_the_exit_code_of_a_child_is_told_once_it_has_ended(spawn) -> None:
    child = spawn("child", [sys.executable, "-c", "raise SystemExit(3)"])
    wait_until(lambda: not child.alive, "the processes change")

    assert child.exit_code() == 3


def test_a_record_holds_what_a_later_demo_needs(spawn, tmp_path: Path) -> None:
    started = spawn("sleeper", SLEEPER)

    found = json.loads((tmp_path / "sleeper.json").read_text())
    assert found == {"name": "sleeper", "pid": started.pid, "started": started.started, "port": 0}


def test_a_taken_port_is_not_free_and_is_named_with_its_option() -> None:
    import socket

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        taken = server.getsockname()[1]

        assert not ports.is_free(taken)
        assert ports.free(taken) != taken
        with pytest.raises(UsageError, match=f"--dashboard-port: port {taken} is taken"):
            ports.demanded("--dashboard-port", taken)


def test_the_preferred_port_is_kept_while_it_is_free() -> None:
    port = ports.free()

    assert ports.free(port) == port
