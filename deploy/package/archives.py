"""Archives whose bytes depend on their contents alone: names are sorted; date, owner and rights are fixed."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

SKIPPED = {"__pycache__", ".DS_Store", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
ZIP_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
TAR_DATE = 315_532_800  # the same, in seconds


def files_below(folder: Path) -> Iterable[tuple[str, Path]]:
    """(relative name, path) of every file below the folder, sorted by path, without caches and bytecode."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not SKIPPED.intersection(path.parts) and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix(), path


def write_zip(target: Path, members: Mapping[str, bytes], *, compressed: bool = True) -> None:
    """Write a zip of `members` (name -> content); `compressed=False` for members that are archives themselves."""
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", method, compresslevel=9) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, ZIP_DATE)
            entry.create_system = 3  # Unix, on whatever system it is built
            entry.external_attr = 0o644 << 16
            entry.compress_type = method
            archive.writestr(entry, members[name])


def write_tar(target: Path, folder: Path) -> None:
    """Write the files below a folder into a .tar.gz. A link is replaced by the file that it points to."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=3, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in files_below(folder):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            entry.mtime = TAR_DATE
            entry.mode = 0o755 if path.suffix == ".so" or ".so." in path.name else 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)
