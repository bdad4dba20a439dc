"""`moodstream doctor` on machines where something is wrong."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from deploy.local import processes
from harness import doctor


def found(name: str, root: Path, environ: dict[str, str] | None = None) -> doctor.Finding:
    return next(finding for finding in doctor.look(root, environ or {}) if finding.name == name)


def test_a_machine_that_was_set_up_has_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--workdir", str(tmp_path), "--json"], {}) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert {"Python", "disk", "memory", "proxy"} <= {finding["name"] for finding in report["findings"]}


def test_a_full_disk_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    assert doctor.main(["--workdir", str(tmp_path)], {}) == 1
    assert "fault" in capsys.readouterr().out


def test_too_little_memory_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**9))
    assert found("memory", tmp_path).state == doctor.FAULT


def test_a_busy_machine_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=10**11))
    monkeypatch.setattr(os, "getloadavg", lambda: (400.0, 1.0, 1.0))
    assert found("memory", tmp_path).state == doctor.WARNING


def test_a_proxy_is_named_and_no_fault(tmp_path: Path) -> None:
    finding = found("proxy", tmp_path, {"HTTPS_PROXY": "http://127.0.0.1:9"})
    assert (finding.state, "HTTPS_PROXY" in finding.found) == (doctor.OK, True)


def test_what_a_killed_demo_left_running_is_named(tmp_path: Path) -> None:
    run, log = tmp_path / "run", tmp_path / "log"
    run.mkdir()
    left = processes.spawn("job", ["sleep", "600"], run=run, log=log, environ=os.environ)
    try:
        finding = found("left from earlier demos", tmp_path)
    finally:
        processes.stop(left)
    assert (finding.state, finding.found) == (doctor.WARNING, "job")
    assert "--stop" in finding.advice
