"""`make setup` says what it is doing, and fails where a step fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = """#!/bin/sh
echo "Downloading numpy (18.6MiB)" >&2
echo " + numpy==2.0.1" >&2
exit {code}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An environment in which `python` does nothing and succeeds."""
    (tmp_path / "python").write_text("#!/bin/sh\n")
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def setup(folder: Path, uv_ends_with: int) -> subprocess.CompletedProcess[str]:
    (folder / "uv").write_text(UV.format(code=uv_ends_with))
    (folder / "uv").chmod(0o755)
    return subprocess.run(
        ["make", "setup", f"VENV={folder}", f"BIN={folder}"], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_setting_up_shows_its_steps_and_the_large_downloads(folder: Path) -> None:
    done = setup(folder, 0)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if " of " in line] == [f"{step} of 4" for step in (1, 2, 3, 4)]
    assert "  Downloading numpy (18.6MiB)" in lines
    assert not any("numpy==" in line for line in lines), "no line for each library"
    assert (folder / ".ready").exists()


def test_setting_up_fails_where_the_libraries_cannot_be_installed(folder: Path) -> None:
    assert setup(folder, 1).returncode == 2
    assert not (folder / ".ready").exists()
