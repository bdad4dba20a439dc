"""Templates and release, built once a session the way a user builds them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.package import contents, environments
from deploy.package.__main__ import build
from tests.patience import patience

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = "streaming-environment.tar.gz"


@pytest.fixture(scope="session")
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("templates")
    done = subprocess.run(
        ["make", "synth", f"ARGS=--out {out}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(550),
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return out


@pytest.fixture(scope="session")
def templates(template_folder: Path) -> dict[str, dict[str, Any]]:
    """The templates by stack name, without the project's prefix."""
    return {
        path.stem.removeprefix("moodstream-"): json.loads(path.read_text())
        for path in sorted(template_folder.glob("*.json"))
    }


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """build/dist without the dependency archives."""
    out = tmp_path_factory.mktemp("dist")
    build(contents.Sources(ROOT), out, archives=False)
    return out


@pytest.fixture(scope="session")
def full_release(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the streaming job's dependencies, packed as `make package` packs them."""
    out = tmp_path_factory.mktemp("full")
    shutil.copytree(release, out, dirs_exist_ok=True)
    code = contents.unpacked_code(contents.Sources(ROOT))
    environments.environment(ROOT / "requirements" / "streaming-environment.lock", out / ENVIRONMENT, code)
    return out
