"""What Spark's Python workers inherit from their parent: a path without zip files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyspark

ZIPS = sorted((Path(pyspark.__file__).parent / "python" / "lib").glob("*.zip"))
LOOK = """
import json, sys, zipimport
from streaming import worker_daemon
worker_daemon.{prepare}()
import pyspark.daemon
importers = sys.path_importer_cache.items()
print(json.dumps([sys.path, [place for place, each in importers if isinstance(each, zipimport.zipimporter)]]))
"""


def inherited(prepare: str, path: list[Path], *options: str) -> tuple[list[str], list[str]]:
    """A new interpreter's path and its importers of zip files, after `prepare`. Spark puts `path` first."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, *options, "-c", LOOK.format(prepare=prepare)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    places, importers = json.loads(done.stdout)
    return places, importers


def test_a_worker_never_reads_a_zip_file_when_it_forgets_what_importers_know() -> None:
    assert ZIPS, "PySpark no longer brings a copy of itself"
    places, importers = inherited("prepare", ZIPS)
    assert importers == []
    assert not [place for place in places if place.endswith(".zip")]


def test_zip_files_that_hold_the_only_pyspark_stay() -> None:
    here = Path(__file__).parents[2]
    places, importers = inherited("drop_archives", [*ZIPS, here], "-S")
    assert {*map(str, ZIPS)} <= {*places}
    assert importers
