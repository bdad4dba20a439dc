"""Dependency archives for the cluster: locked, hashed wheels for Linux and Python 3.11, whatever machine packs them.

An archive holds a plain folder of packages for `PYTHONPATH`, not a virtual environment: nothing in it points to the
machine that built it, and the platform's own Python 3.11 runs it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.package.archives import files_below, write_tar, write_zip
from deploy.package.errors import ToolError

# EMR 7 and Glue 5 run on Amazon Linux 2023, which has glibc 2.34.
PLATFORM = "x86_64-manylinux_2_28"
WHEEL_TAGS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
INSTALL = ("pip", "install", "--quiet", "--no-deps", "--require-hashes", "--link-mode=copy", "--python-version=3.11")
DOWNLOAD = (
    *("download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"),
    *("--only-binary=:all:", "--python-version=3.11"),
)
# Their tests are a third of the unpacked size, and nobody runs them on a cluster.
TESTED_ELSEWHERE = ("numpy", "pandas", "pyarrow", "scipy", "sklearn")


def environment(lock: Path, target: Path, extras: Mapping[str, bytes]) -> None:
    """Install a lock's packages, and pack them as `site-packages/`, with the files of `extras`, into a .tar.gz."""
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site-packages"
        _run("uv", [*INSTALL, f"--python-platform={PLATFORM}", f"--target={site}", "-r", str(lock)])
        _strip(site)
        for name, content in extras.items():
            path = Path(scratch) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        write_tar(target, Path(scratch))


def glue_wheels(lock: Path, target: Path) -> None:
    """Write the zip that Glue 5 installs without a package index: wheels and requirements.txt in `wheels/`."""
    with tempfile.TemporaryDirectory() as scratch:
        platforms = [f"--platform={tag}" for tag in WHEEL_TAGS]
        _run("pip", [*DOWNLOAD, *platforms, "--dest", scratch, "-r", str(lock)])
        members = {f"wheels/{name}": path.read_bytes() for name, path in files_below(Path(scratch))}
        pins = [line.split()[0] for line in lock.read_text().splitlines() if "==" in line]
        members["wheels/requirements.txt"] = "".join(f"{pin}\n" for pin in pins).encode()
        write_zip(target, members, compressed=False)


def _strip(site: Path) -> None:
    """Remove test suites, and files that name the building machine (scripts begin with the path of its Python)."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for package in TESTED_ELSEWHERE:
        for folder in sorted((site / package).rglob("tests")):
            shutil.rmtree(folder, ignore_errors=True)
    for record in sorted(site.glob("*.dist-info")):
        for name in ("RECORD", "direct_url.json", "INSTALLER", "REQUESTED", "uv_cache.json"):
            (record / name).unlink(missing_ok=True)


def _run(tool: str, arguments: Sequence[str]) -> None:
    """Run `uv` or `pip` as a module of this Python; raises ToolError with the tool's last line."""
    command = [sys.executable, "-m", tool, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    if done.returncode:
        words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise ToolError(f"{tool} failed: {words[-1] if words else 'it wrote no message'}")
