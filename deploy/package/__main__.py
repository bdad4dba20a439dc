"""`python -m deploy.package`: builds build/dist. Exit codes: 0 built, 2 wrong use or a missing source."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.package import contents, environments
from deploy.package.archives import write_zip
from deploy.package.contents import LAUNCHERS, Sources
from moodstream import exit_code_of

ROOT = Path(__file__).resolve().parents[2]
SUMS, RELEASE = "SHA256SUMS", "RELEASE"
EXAMPLES = """\
examples:
  make package                          everything (about two minutes the first time)
  make package ARGS=--no-archive        without the dependency archives (a second)
  make package ARGS="--out /tmp/dist"

build/dist/RELEASE holds the release's name: the version and a digest of all its files.
"""


def build(sources: Sources, out: Path, *, archives: bool) -> str:
    """Empty the folder and write the release into it; returns the release's name."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    write_zip(out / "moodstream.zip", contents.code(sources))
    write_zip(out / "generator-lambda.zip", contents.generator_lambda(sources))
    write_zip(out / "moodstream-dags.zip", contents.dags(sources))
    write_zip(out / "moodstream-sql.zip", contents.statements(sources))
    for name, source in LAUNCHERS.items():
        (out / name).write_bytes(sources.read(source))
    if archives:
        _archives(sources, out)
    return _seal(sources, out)


def _archives(sources: Sources, out: Path) -> None:
    locks = sources.root / "requirements"
    code = contents.unpacked_code(sources)
    # The workflows need their checks, the report of a day and the labelled tweets too.
    batch = code | {"site-packages/checks.py": sources.read("deploy/airflow/checks.py")}
    batch |= contents.day_report(sources) | contents.labelled_data(sources)
    for name, extras in (("streaming-environment", code), ("training-environment", batch)):
        sys.stderr.write(f"packing {name}.tar.gz\n")
        environments.environment(locks / f"{name}.lock", out / f"{name}.tar.gz", extras)
    sys.stderr.write("packing moodstream.gluewheels.zip\n")
    environments.glue_wheels(locks / "streaming-environment.lock", out / "moodstream.gluewheels.zip")


def _seal(sources: Sources, out: Path) -> str:
    """Write the checksums of all files, and the release's name, which is derived from them; returns the name."""
    lines = []
    for path in sorted(out.iterdir()):
        with path.open("rb") as content:
            lines.append(f"{hashlib.file_digest(content, 'sha256').hexdigest()}  {path.name}\n")
    sums = "".join(lines)
    (out / SUMS).write_text(sums)
    version = tomllib.loads(sources.read("pyproject.toml").decode())["project"]["version"]
    release = f"{version}-{hashlib.sha256(sums.encode()).hexdigest()[:12]}"
    (out / RELEASE).write_text(release + "\n")
    return release


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Build the release; returns 0. Raises PackageError or LocalError."""
    del environ
    parser = argparse.ArgumentParser(
        prog="python -m deploy.package",
        description="Build the files that a deployment uploads.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "dist", help="folder (default: build/dist)")
    parser.add_argument("--no-archive", action="store_true", help="leave out the dependency archives")
    given = parser.parse_args(argv)
    release = build(Sources(ROOT), given.out, archives=not given.no_archive)
    sys.stdout.write(f"{release} in {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("package", main, sys.argv[1:], os.environ))
